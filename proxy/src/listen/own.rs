//! The edge's end of a connection with itself.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use pingora_core::Result;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl,
    TimingDigest, UniqueID, UniqueIDType,
};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use crate::listen::connection::Connection;
use crate::listen::transport;

/// Bytes in memory, in Pingora's terms. Nobody is at the other end whom deadlines and limits would have
/// to keep at bay.
#[derive(Debug)]
pub(crate) struct OwnStream {
    bytes: DuplexStream,
    proxy: Option<Arc<ProxyDigest>>,
}

// === impl OwnStream ===

impl OwnStream {
    pub(crate) fn new(bytes: DuplexStream, connection: &Arc<Connection>) -> Result<Self> {
        Ok(Self { bytes, proxy: transport::digest(connection)?.proxy_digest })
    }
}

impl AsyncRead for OwnStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.bytes).poll_read(cx, buf)
    }
}

impl AsyncWrite for OwnStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.bytes).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.bytes).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.bytes).poll_shutdown(cx)
    }
}

#[async_trait]
impl Shutdown for OwnStream {
    async fn shutdown(&mut self) {
        // The connection is over either way.
        let _ = tokio::io::AsyncWriteExt::shutdown(&mut self.bytes).await;
    }
}

impl UniqueID for OwnStream {
    fn id(&self) -> UniqueIDType {
        // No descriptor: Pingora pools connections to origins by it, and this is none.
        -1
    }
}

impl GetProxyDigest for OwnStream {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.proxy.clone()
    }
}

impl GetTimingDigest for OwnStream {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl GetSocketDigest for OwnStream {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        None
    }
}

impl Ssl for OwnStream {}

impl Peek for OwnStream {}
