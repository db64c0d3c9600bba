//! Places one order, on the real venue or on a simulated one (`hoox venue`):
//!
//! ```sh
//! BINANCE_URL=http://127.0.0.1:9000/binance BINANCE_API_KEY=… BINANCE_API_SECRET=… \
//!     cargo run -p hoox-binance --example place_order
//! ```

use std::error::Error;

use hoox_binance::Binance;
use hoox_connector::*;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let secret = std::env::var("BINANCE_API_SECRET")?;
    let credentials = Credentials::from_secret(&std::env::var("BINANCE_API_KEY")?, &secret)?;
    let binance = Binance::linear(credentials).with_base_url(std::env::var("BINANCE_URL")?);
    println!("{:?}", place(binance).await?);
    Ok(())
}

/// The README's example.
pub async fn place(binance: Binance) -> Result<Outcome, Box<dyn Error>> {
    let client = Client::new(binance, ReqwestTransport::new()?, SystemClock);
    let (symbol, id) = (Symbol::new("BTCUSDT")?, ClientOrderId::portable("my-first-order")?);
    let order = NewOrder::market(symbol, Side::Buy, "0.0109999".parse()?).client_order_id(id);
    let order =
        client.instruments().await?.find(&symbol).ok_or("no such symbol")?.prepare(&order, None)?;
    Ok(client.place(&order).await?)
}
