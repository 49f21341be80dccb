//! What users were promised, held by the real module in the real Envoy and the real control plane.

mod ci;
mod configurations;
mod control_plane;
mod differential;
mod doctor;
mod documented;
mod examples;
mod faults;
mod git;
mod headers;
mod image;
mod istio;
mod openapi;
mod outage;
mod pages;
mod paths;
mod regeneration;
mod render;
mod reports;
mod run;
mod scenarios;
mod secrets;
mod story;
mod tokens;
