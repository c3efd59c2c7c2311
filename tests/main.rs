//! The real program, started as users start it, between real clients and real origins.
//!
//! Each test has an edge of its own on a loopback address of its own, waits for what must happen and
//! never for a while, and shows what its programs said when it fails. The modules are in the order in
//! which things break: the first that fails explains those behind it.
#![cfg(test)]

mod support;

mod a_boots;
mod b_demo;
mod c_bucket;
mod c_credentials;
mod d_express;
mod d_targets;
mod e_caching;
mod e_dates;
mod e_races;
mod e_waiting;
mod f_control;
mod g_http2;
mod g_memory;
mod g_transport;
mod h_bad_input;
mod h_frames;
mod h_poison;
mod k_conditional;
mod k_effects;
mod k_fields;
mod k_freshness;
mod k_kit;
mod k_ranges;
mod k_requests;
mod k_stale;
mod k_storing;
mod k_targeted;
mod k_validation;
mod k_vary;
mod l_suite;
mod m_import;
mod n_access;
mod n_assets;
mod n_behaviors;
mod n_coding;
mod n_errors;
mod n_failover;
mod n_fields;
mod n_forward;
mod n_hardened;
mod n_lifetimes;
mod n_paths;
mod n_policies;
mod n_signed;
mod n_tampered;
mod o_algorithms;
mod o_checks;
mod o_circuit;
mod o_deploying;
mod o_failing;
mod o_grpc;
mod o_hardened;
mod o_idle;
mod o_metrics;
mod o_names;
mod o_registering;
mod o_rolling;
mod o_sticky;
mod o_transport;
mod p_bad_days;
mod p_commands;
mod p_control;
mod p_elsewhere;
mod p_fallback;
mod p_issuance;
mod p_killed;
mod p_kit;
mod p_own_files;
mod p_rejected;
mod p_renewing;
mod p_scanned;
mod p_shown;
mod p_thousand;
mod z_orders;
