//! A disk that is full: from then on no write to a file succeeds.

use std::os::unix::fs::PermissionsExt;

use super::edge::{Edge, Setup};
use super::program::{WARMFRONT, output, program};

impl Setup {
    /// The system ends a program whose file may not grow, unless that was said to be ignored.
    pub(crate) fn on_a_disk_that_gets_full(self) -> Self {
        let launcher = self.dir().join("launcher");
        let script = format!("#!/bin/bash\ntrap '' XFSZ\nexec {WARMFRONT} \"$@\"\n");
        std::fs::write(&launcher, script).unwrap();
        std::fs::set_permissions(&launcher, PermissionsExt::from_mode(0o755)).unwrap();
        self.by(launcher)
    }
}

impl Edge {
    /// For an edge of [`Setup::on_a_disk_that_gets_full`].
    pub(crate) async fn fill_disk(&self) {
        self.limit_files("0").await;
    }

    pub(crate) async fn free_disk(&self) {
        self.limit_files("unlimited").await;
    }

    async fn limit_files(&self, bytes: &str) {
        let id = self.process.id().to_string();
        let limit = format!("--fsize={bytes}:unlimited");
        let told = output(program("prlimit").args(["--pid", &id, &limit])).await;
        assert_eq!(told.code, 0, "{told:?}");
    }
}
