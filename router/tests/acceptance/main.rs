//! The acceptance checklists of the gateway and the trade engine, over an exchange in memory.

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod dialects;
#[cfg(test)]
mod equity;
#[cfg(test)]
mod failover;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod queue;
#[cfg(test)]
mod trade;
