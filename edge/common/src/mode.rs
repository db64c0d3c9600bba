use hoox_router::QueueMode;

/// The name of a mode, as `webhooks:queue_mode` has it (gateway.md §9).
pub const fn mode_name(mode: QueueMode) -> &'static str {
    match mode {
        QueueMode::DirectOnly => "direct_only",
        QueueMode::QueueFailover => "queue_failover",
        QueueMode::QueueEverywhere => "queue_everywhere",
    }
}

/// The mode of a name; `direct_only`, which queues nothing, for any other.
pub fn mode_from(name: &str) -> QueueMode {
    match name {
        "queue_failover" => QueueMode::QueueFailover,
        "queue_everywhere" => QueueMode::QueueEverywhere,
        _ => QueueMode::DirectOnly,
    }
}
