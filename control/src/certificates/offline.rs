//! What the configuration alone says of certificates.

use warmfront_certs::Certificates;
use warmfront_config::Config;

use super::plan::Plan;

/// Hosts for which no order would ever succeed, a sentence each. `certificates` are the user's own:
/// what they speak for is not ordered.
pub fn certificates_offline(config: &Config, certificates: &Certificates) -> Vec<String> {
    let Some(acme) = &config.acme else { return Vec::new() };
    let told = config.sites.iter().flat_map(|site| {
        let plan = Plan::new(site, acme, |host| certificates.owns(host));
        let left_out = plan.map_or_else(Vec::new, |plan| plan.left_out);
        left_out.into_iter().map(|left_out| format!("sites.{}: {left_out}", site.name))
    });
    told.collect()
}
