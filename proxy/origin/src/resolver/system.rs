//! The system's DNS servers. The file that names them may come, go and change while the node runs.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;

use super::ResolverError;
use super::resolv_conf::ResolvConf;
use super::servers::Servers;

const DNS_PORT: u16 = 53;

#[derive(Debug)]
pub(super) struct System {
    resolv_conf: PathBuf,
    /// Of one look-up.
    timeout: Duration,
    /// What the file said when it was read last.
    reading: ArcSwapOption<Reading>,
}

#[derive(Debug)]
struct Reading {
    text: Result<Vec<u8>, String>,
    servers: Arc<Result<Servers, String>>,
}

// === impl System ===

impl System {
    /// Nothing is read yet. `timeout` is that of one look-up.
    pub(super) fn new(resolv_conf: PathBuf, timeout: Duration) -> Self {
        Self { resolv_conf, timeout, reading: ArcSwapOption::empty() }
    }

    /// The servers that the file names now. It is read for each look-up: a node that starts before
    /// its network does finds its servers as soon as they are there.
    pub(super) async fn servers(&self) -> Arc<Result<Servers, String>> {
        let text = tokio::fs::read(&self.resolv_conf).await.map_err(|error| error.to_string());
        if let Some(last) = self.reading.load_full()
            && last.text == text
        {
            return Arc::clone(&last.servers);
        }
        let servers = Arc::new(self.parse(&text));
        if let Err(reason) = servers.as_ref() {
            tracing::warn!("only names in the hosts file resolve: {reason}");
        }
        self.reading.store(Some(Arc::new(Reading { text, servers: Arc::clone(&servers) })));
        servers
    }

    fn parse(&self, text: &Result<Vec<u8>, String>) -> Result<Servers, String> {
        let file = self.resolv_conf.display();
        let text = text.as_ref().map_err(|error| format!("reading {file}: {error}"))?;
        let ResolvConf { servers, search } = ResolvConf::parse(&String::from_utf8_lossy(text));
        if servers.is_empty() {
            return Err(format!("{file} names no DNS server"));
        }
        let servers = servers.into_iter().map(|address| SocketAddr::new(address, DNS_PORT));
        let servers = Servers::new(servers, search, self.timeout);
        servers.map_err(|ResolverError::Server { server, source }| format!("{server}: {source}"))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::System;

    #[tokio::test]
    async fn the_file_may_come_change_and_go() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("resolv.conf");
        let system = System::new(file.clone(), Duration::from_secs(1));
        let refusal = async || system.servers().await.as_ref().as_ref().err().cloned();

        assert!(refusal().await.unwrap().contains("resolv.conf: No such file"));
        fs::write(&file, "search example\n").unwrap();
        assert!(refusal().await.unwrap().ends_with("resolv.conf names no DNS server"));
        fs::write(&file, "nameserver 192.0.2.53\n").unwrap();
        assert_eq!(refusal().await, None);
        let (one, same) = (system.servers().await, system.servers().await);
        assert!(std::sync::Arc::ptr_eq(&one, &same), "the file has not changed");
        fs::remove_file(&file).unwrap();
        assert!(refusal().await.is_some());
    }
}
