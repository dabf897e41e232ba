//! `/api/v1` of the real server, with real clients.

#![cfg(test)]

mod broker;
mod clients;
mod description;
mod explain;
mod http;
mod live;
mod mqtt;
mod problems;
mod publish;
mod recent;
mod retained;
mod sessions;
mod status;
mod subscriptions;
mod topics;
