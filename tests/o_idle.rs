//! Connections to targets that nobody uses for a while.

use std::net::SocketAddr;
use std::time::Duration;

use crate::support::load::{Outcome, failures};
use crate::support::{App, Edge, Load, Nginx, run};

#[test]
fn what_node_closes_after_a_second_is_no_error() {
    run(async {
        let app = App::start_with("node", &["--keep-alive=1000"]).await;
        let orders = orders_a_second_apart(app.address()).await;
        assert_eq!(failures(&orders), [""; 0]);
        assert_eq!(app.executed().len(), orders.len());
        assert!(app.seen("connections").await > 20, "every connection was kept");
    });
}

#[test]
fn what_nginx_closes_after_a_second_is_no_error() {
    run(async {
        let nginx = Nginx::start("keepalive_timeout 1s; location / { return 201; }").await;
        let orders = orders_a_second_apart(nginx.address()).await;
        assert_eq!(failures(&orders), [""; 0]);
    });
}

/// Twenty clients with six orders each, so that the next one comes when the target is about to close
/// the connection of the one before: from a hundredth of a second before that to as long behind it.
async fn orders_a_second_apart(target: SocketAddr) -> Vec<Outcome> {
    let edge = Edge::before(&[target]).await;
    let load = Load::orders(&edge).clients(1);
    let period = |client: u64| Duration::from_millis(990 + client);
    let clients: Vec<_> = (0..20).map(|it| load.clone().every(period(it)).start(6)).collect();
    let mut orders = Vec::new();
    for client in clients {
        orders.extend(client.finish().await);
    }
    orders
}
