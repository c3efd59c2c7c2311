//! What can keep the demo from starting.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a part of the demo did not start.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A port is taken.
    #[error(
        "{address} is in use: stop the program that listens there, or give the demo another port"
    )]
    PortInUse {
        /// Where the demo wanted to listen.
        address: SocketAddr,
    },
    /// An address cannot be listened on for another reason.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where the demo wanted to listen.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file or directory of the demo cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was being done to it.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The directory's name cannot be written into a configuration file.
    #[error("the demo's directory {} is not valid UTF-8, or has `${{` in its name", .0.display())]
    DirectoryName(PathBuf),
    /// A certificate could not be made.
    #[error("cannot make the certificate for {subject}")]
    Certificate {
        /// Whose certificate.
        subject: String,
        /// What the library said.
        #[source]
        source: rcgen::Error,
    },
    /// The bucket did not open or did not take an object.
    #[error("the demo's bucket cannot {action} {name}")]
    Bucket {
        /// What was being done.
        action: &'static str,
        /// The directory or the object.
        name: String,
        /// What the bucket said.
        #[source]
        source: s3s::S3Error,
    },
}
