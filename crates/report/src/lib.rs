//! Events and reports for people and machines: terminal and JSON.
