//! What accounts are worth (data.md §2, `balances`).

use hoox_connector::PositionSide;

use crate::fake::{World, dec};

#[tokio::test]
async fn accounts_are_worth_what_they_tell_and_nothing_is_made_up() {
    let world = World::new();
    let all = world.router.equities().await;
    assert!(!all.known.is_empty() && all.unknown.is_empty(), "{all:?}");
    for equity in &all.known {
        let told = (equity.free, equity.used, equity.total);
        assert_eq!(told, (dec("1000"), dec("200"), dec("1200")));
    }
    // A position whose entry nobody tells, at an exchange that does not value it.
    world.desk().hold(PositionSide::Long, "0.5");
    let told = world.router.equities().await;
    assert_eq!(told.unknown, [world.desk().venue]);
    assert_eq!(told.known.len(), all.known.len() - 1);
    world.desk().set_silent(true);
    assert_eq!(world.router.equities().await.unknown, [world.desk().venue]);
}
