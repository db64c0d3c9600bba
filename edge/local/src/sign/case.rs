//! One line of `hoox sign`: from its JSON to a neutral operation.

use std::borrow::Cow;

use hoox_connector::{
    Amendment, Attached, ClientOrderId, Decimal, Instruments, MarginMode, Market, NewOrder,
    Operation, OrderClass, OrderId, OrderKind, OrderRef, PositionMode, PositionSide, PreparedOrder,
    PriceRounding, Side, Size, Symbol, TimeInForce, Timestamp, Trigger, TriggerKind, Venue,
    parse_decimal,
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// How many levels of a book are asked for where a line does not say.
const LEVELS: u32 = 100;

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CaseError {
    pub(super) code: Cow<'static, str>,
    pub(super) message: String,
}

impl CaseError {
    pub(super) fn invalid(message: String) -> Self {
        Self { code: "VALIDATION_ERROR".into(), message }
    }

    pub(super) fn not_supported(message: String) -> Self {
        Self { code: "NOT_SUPPORTED".into(), message }
    }
}

/// The id alone, to answer a line that is otherwise unreadable.
#[derive(Deserialize)]
pub(super) struct Id<'a> {
    #[serde(borrow)]
    pub(super) id: Option<&'a RawValue>,
}

/// A line.
#[derive(Deserialize)]
pub(super) struct Case<'a> {
    #[serde(borrow)]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow)]
    venue: Cow<'a, str>,
    #[serde(borrow)]
    market: Cow<'a, str>,
    #[serde(borrow)]
    operation: Cow<'a, str>,
    #[serde(borrow, default)]
    input: Input<'a>,
    #[serde(borrow)]
    pub(super) api_key: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) secret: Cow<'a, str>,
    pub(super) timestamp_ms: u64,
    #[serde(default)]
    pub(super) recv_window: Option<u64>,
}

/// The neutral fields; which of them count depends on the operation.
#[derive(Deserialize, Default)]
struct Input<'a> {
    #[serde(borrow, default)]
    symbol: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    side: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    quantity: Option<&'a RawValue>,
    #[serde(borrow, default)]
    quote_quantity: Option<&'a RawValue>,
    #[serde(borrow, default)]
    price: Option<&'a RawValue>,
    #[serde(borrow, default)]
    time_in_force: Option<Cow<'a, str>>,
    #[serde(default)]
    reduce_only: Option<bool>,
    #[serde(borrow, default)]
    client_order_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    order_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    stop_price: Option<&'a RawValue>,
    #[serde(borrow, default)]
    take_profit_price: Option<&'a RawValue>,
    #[serde(borrow, default)]
    callback_rate: Option<&'a RawValue>,
    #[serde(borrow, default)]
    activate_price: Option<&'a RawValue>,
    #[serde(borrow, default)]
    take_profit: Option<&'a RawValue>,
    #[serde(borrow, default)]
    stop_loss: Option<&'a RawValue>,
    #[serde(borrow, default)]
    position_mode: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    position_side: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    leverage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    margin_mode: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    since: Option<&'a RawValue>,
    #[serde(borrow, default)]
    limit: Option<&'a RawValue>,
    #[serde(borrow, default)]
    page: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    expires: Option<&'a RawValue>,
}

impl Case<'_> {
    pub(super) fn wire(&self) -> Wire<'_> {
        match self.operation.strip_prefix("ws_") {
            None => Wire::Rest(&self.operation),
            Some("session_logon") => Wire::Logon,
            Some("auth" | "login") => Wire::Authenticate,
            Some(operation) => Wire::Frame(operation),
        }
    }

    /// When an authentication ends, where a line names that instead of its beginning.
    pub(super) fn expires(&self) -> Result<Option<Timestamp>, CaseError> {
        Ok(whole("expires", self.input.expires)?.map(Timestamp::from_millis))
    }

    pub(super) fn venue(&self) -> Result<Venue, CaseError> {
        self.venue.parse().map_err(|_| {
            CaseError::invalid(format!("venue: `{}` is none of binance, bybit, mexc", self.venue))
        })
    }

    pub(super) fn market(&self) -> Result<Market, CaseError> {
        self.market.parse().map_err(|_| {
            CaseError::invalid(format!("market: `{}` is none of spot, linear", self.market))
        })
    }
}

/// What a line asks for, with the values it owns.
pub(super) enum Asked<'a> {
    Place(Box<PreparedOrder>),
    Amend(Box<Amendment>),
    Other(Operation<'a>),
}

/// Which wire a line is about.
pub(super) enum Wire<'a> {
    /// A request.
    Rest(&'a str),
    /// An order-entry frame: an operation whose name begins with `ws_`.
    Frame(&'a str),
    /// The frame that logs an order-entry session on.
    Logon,
    /// The frame that authenticates a private stream.
    Authenticate,
}

impl<'a> Asked<'a> {
    pub(super) fn new(
        case: &'a Case<'_>,
        name: &str,
        instruments: Option<&Instruments>,
        rounding: PriceRounding,
    ) -> Result<Self, CaseError> {
        let input = &case.input;
        let page = input.page.as_deref();
        if name.starts_with("place") {
            let order = input.order()?;
            return prepare(order, instruments, rounding).map(Box::new).map(Self::Place);
        }
        if name.starts_with("amend") {
            return Ok(Self::Amend(Box::new(input.amendment()?)));
        }
        Ok(Self::Other(match name {
            _ if name.starts_with("cancel_all") => {
                Operation::CancelAll { symbol: input.maybe_symbol()?, class: class(name) }
            }
            _ if name.starts_with("cancel") => Operation::Cancel {
                symbol: input.symbol()?,
                order: input.order_ref()?,
                class: class(name),
            },
            _ if name.starts_with("query") || name.starts_with("order_by") || name == "order" => {
                Operation::Order {
                    symbol: input.symbol()?,
                    order: input.order_ref()?,
                    class: class(name),
                }
            }
            _ if name.starts_with("open_") => {
                Operation::OpenOrders { symbol: input.maybe_symbol()?, class: class(name), page }
            }
            "order_history" | "history" => Operation::OrderHistory {
                symbol: input.symbol()?,
                order: input.maybe_order_ref()?,
                since: input.since()?,
                limit: whole("limit", input.limit)?,
                page,
            },
            "fills" | "trades" => Operation::Fills {
                symbol: input.symbol()?,
                order: input.order_id.map(order_id).transpose()?,
                since: input.since()?,
                limit: whole("limit", input.limit)?,
                page,
            },
            "positions" => Operation::Positions { symbol: input.maybe_symbol()?, page },
            "balance" | "balances" => Operation::Balances,
            "set_leverage" => Operation::SetLeverage {
                symbol: input.symbol()?,
                leverage: whole("leverage", input.leverage)?.ok_or_else(|| missing("leverage"))?,
                margin_mode: input.margin_mode()?,
                position_side: input.position_side()?,
            },
            "set_margin_mode" => Operation::SetMarginMode {
                symbol: input.symbol()?,
                mode: input.margin_mode()?.ok_or_else(|| missing("margin_mode"))?,
            },
            "set_position_mode" => Operation::SetPositionMode {
                symbol: input.maybe_symbol()?,
                mode: input.position_mode()?.ok_or_else(|| missing("position_mode"))?,
            },
            "instruments" => Operation::Instruments { symbol: input.maybe_symbol()?, page },
            "ticker" => Operation::Ticker { symbol: input.symbol()? },
            "depth" => Operation::Depth {
                symbol: input.symbol()?,
                levels: whole("limit", input.limit)?.unwrap_or(LEVELS),
            },
            "book_top" => Operation::BookTop { symbol: input.symbol()? },
            "funding_rate" => Operation::FundingRate { symbol: input.symbol()? },
            "server_time" => Operation::ServerTime,
            _ => return Err(CaseError::not_supported(format!("operation `{name}`"))),
        }))
    }

    pub(super) fn operation(&self) -> Operation<'_> {
        match self {
            Self::Place(order) => Operation::Place(order),
            Self::Amend(amendment) => Operation::Amend(amendment),
            Self::Other(operation) => *operation,
        }
    }
}

/// Rounds against the instrument, or takes the values as written. Where the venue counts contracts,
/// the line does too, while instruments count the base asset.
fn prepare(
    mut order: NewOrder,
    instruments: Option<&Instruments>,
    rounding: PriceRounding,
) -> Result<PreparedOrder, CaseError> {
    let Some(instruments) = instruments else { return Ok(PreparedOrder::as_written(&order)?) };
    let Some(instrument) = instruments.find(&order.symbol) else {
        let message = format!("{} is not in the instrument list", order.symbol);
        return Err(CaseError { code: "UNKNOWN_SYMBOL".into(), message });
    };
    if let (
        Some(size),
        OrderKind::Market { size: Size::Base(quantity) }
        | OrderKind::Limit { quantity, .. }
        | OrderKind::TriggerMarket { quantity, .. }
        | OrderKind::TriggerLimit { quantity, .. }
        | OrderKind::TrailingStop { quantity, .. },
    ) = (instrument.contract_size, &mut order.kind)
    {
        let too_large = || CaseError::invalid("quantity: too many digits".into());
        *quantity = quantity.checked_mul(size).ok_or_else(too_large)?;
    }
    Ok(instrument.prepare_with(&order, None, rounding)?)
}

impl Input<'_> {
    fn order(&self) -> Result<NewOrder, CaseError> {
        let side = match lower(&self.side).as_deref() {
            Some("buy") => Side::Buy,
            Some("sell") => Side::Sell,
            Some(other) => return Err(unknown("side", other, "buy, sell")),
            None => return Err(missing("side")),
        };
        let mut order = NewOrder::new(self.symbol()?, side, self.order_kind()?);
        order.client_order_id = self.client_order_id()?;
        order.reduce_only = self.reduce_only.unwrap_or(false);
        order.position_mode = self.position_mode()?;
        order.position_side = self.position_side()?;
        order.margin_mode = self.margin_mode()?;
        order.leverage = whole("leverage", self.leverage)?;
        order.attached = Attached {
            take_profit: decimal("take_profit", self.take_profit)?,
            stop_loss: decimal("stop_loss", self.stop_loss)?,
        };
        Ok(order)
    }

    fn order_kind(&self) -> Result<OrderKind, CaseError> {
        let quantity = decimal("quantity", self.quantity)?;
        let needed = || quantity.ok_or_else(|| missing("quantity"));
        let trigger = match (
            decimal("stop_price", self.stop_price)?,
            decimal("take_profit_price", self.take_profit_price)?,
        ) {
            (Some(_), Some(_)) => {
                let message = "stop_price and take_profit_price exclude each other";
                return Err(CaseError::invalid(message.into()));
            }
            (Some(price), None) => Some(Trigger { kind: TriggerKind::Stop, price }),
            (None, Some(price)) => Some(Trigger { kind: TriggerKind::TakeProfit, price }),
            (None, None) => None,
        };
        let time_in_force = self.time_in_force()?;
        let price = decimal("price", self.price)?;
        match (lower(&self.kind).as_deref(), trigger) {
            (Some("market"), None) => {
                let amount = decimal("quote_quantity", self.quote_quantity)?;
                let size = match (quantity, amount) {
                    (Some(quantity), None) => Size::Base(quantity),
                    (None, Some(amount)) => Size::Quote(amount),
                    (None, None) => return Err(missing("quantity")),
                    (Some(_), Some(_)) => {
                        let message = "quantity and quote_quantity exclude each other";
                        return Err(CaseError::invalid(message.into()));
                    }
                };
                Ok(OrderKind::Market { size })
            }
            (Some("market"), Some(trigger)) => {
                Ok(OrderKind::TriggerMarket { quantity: needed()?, trigger })
            }
            (Some("limit"), trigger) => {
                let (quantity, price) = (needed()?, price.ok_or_else(|| missing("price"))?);
                Ok(match trigger {
                    None => OrderKind::Limit { quantity, price, time_in_force },
                    Some(trigger) => {
                        OrderKind::TriggerLimit { quantity, trigger, price, time_in_force }
                    }
                })
            }
            (Some("trailing_stop_market"), None) => Ok(OrderKind::TrailingStop {
                quantity: needed()?,
                callback_rate: decimal("callback_rate", self.callback_rate)?
                    .ok_or_else(|| missing("callback_rate"))?,
                activate_price: decimal("activate_price", self.activate_price)?,
            }),
            (Some("trailing_stop_market"), Some(_)) => {
                let message = "trailing_stop_market takes activate_price, no other trigger";
                Err(CaseError::invalid(message.into()))
            }
            (Some(other), _) => Err(unknown("type", other, "limit, market, trailing_stop_market")),
            (None, _) => Err(missing("type")),
        }
    }

    fn amendment(&self) -> Result<Amendment, CaseError> {
        let side = match lower(&self.side).as_deref() {
            Some("sell") => Side::Sell,
            Some("buy") | None => Side::Buy,
            Some(other) => return Err(unknown("side", other, "buy, sell")),
        };
        Ok(Amendment {
            symbol: self.symbol()?,
            order: self.order_ref()?,
            side,
            quantity: decimal("quantity", self.quantity)?,
            price: decimal("price", self.price)?,
        })
    }

    fn maybe_symbol(&self) -> Result<Option<Symbol>, CaseError> {
        let parse = |symbol: &Cow<'_, str>| {
            Symbol::new(symbol).map_err(|error| CaseError::invalid(format!("symbol: {error}")))
        };
        self.symbol.as_ref().map(parse).transpose()
    }

    fn symbol(&self) -> Result<Symbol, CaseError> {
        self.maybe_symbol()?.ok_or_else(|| missing("symbol"))
    }

    fn client_order_id(&self) -> Result<Option<ClientOrderId>, CaseError> {
        let parse = |id: &Cow<'_, str>| {
            let invalid = |error| CaseError::invalid(format!("client_order_id: {error}"));
            ClientOrderId::new(id).map_err(invalid)
        };
        self.client_order_id.as_ref().map(parse).transpose()
    }

    fn order_ref(&self) -> Result<OrderRef, CaseError> {
        self.maybe_order_ref()?.ok_or_else(|| missing("order_id or client_order_id"))
    }

    fn maybe_order_ref(&self) -> Result<Option<OrderRef>, CaseError> {
        match self.order_id {
            Some(id) => Ok(Some(OrderRef::Id(order_id(id)?))),
            None => Ok(self.client_order_id()?.map(OrderRef::Client)),
        }
    }

    fn time_in_force(&self) -> Result<TimeInForce, CaseError> {
        match lower(&self.time_in_force).as_deref() {
            None | Some("gtc") => Ok(TimeInForce::GoodTillCancel),
            Some("ioc") => Ok(TimeInForce::ImmediateOrCancel),
            Some("fok") => Ok(TimeInForce::FillOrKill),
            Some("postonly" | "gtx") => Ok(TimeInForce::PostOnly),
            Some(other) => Err(unknown("time_in_force", other, "GTC, IOC, FOK, PostOnly")),
        }
    }

    fn position_mode(&self) -> Result<Option<PositionMode>, CaseError> {
        match lower(&self.position_mode).as_deref() {
            None => Ok(None),
            Some("hedge") => Ok(Some(PositionMode::Hedge)),
            Some("one_way" | "oneway" | "one-way") => Ok(Some(PositionMode::OneWay)),
            Some(other) => Err(unknown("position_mode", other, "one_way, hedge")),
        }
    }

    fn position_side(&self) -> Result<Option<PositionSide>, CaseError> {
        match lower(&self.position_side).as_deref() {
            None | Some("both") => Ok(None),
            Some("long") => Ok(Some(PositionSide::Long)),
            Some("short") => Ok(Some(PositionSide::Short)),
            Some(other) => Err(unknown("position_side", other, "long, short, both")),
        }
    }

    fn margin_mode(&self) -> Result<Option<MarginMode>, CaseError> {
        match lower(&self.margin_mode).as_deref() {
            None => Ok(None),
            Some("isolated") => Ok(Some(MarginMode::Isolated)),
            Some("cross" | "crossed") => Ok(Some(MarginMode::Cross)),
            Some(other) => Err(unknown("margin_mode", other, "isolated, cross")),
        }
    }

    fn since(&self) -> Result<Option<Timestamp>, CaseError> {
        Ok(whole("since", self.since)?.map(Timestamp::from_millis))
    }
}

fn class(name: &str) -> OrderClass {
    let conditional =
        ["conditional", "algo", "plan", "stop"].iter().any(|word| name.contains(word));
    if conditional { OrderClass::Conditional } else { OrderClass::Plain }
}

/// The text of a number or a string; `null` is absent.
fn text(raw: Option<&RawValue>) -> Option<&str> {
    let raw = raw?.get();
    let text = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(raw);
    (raw != "null").then_some(text)
}

fn decimal(field: &str, raw: Option<&RawValue>) -> Result<Option<Decimal>, CaseError> {
    let parse =
        |text| parse_decimal(text).map_err(|error| CaseError::invalid(format!("{field}: {error}")));
    text(raw).map(parse).transpose()
}

fn whole<T: core::str::FromStr>(
    field: &str,
    raw: Option<&RawValue>,
) -> Result<Option<T>, CaseError> {
    let invalid = |_| CaseError::invalid(format!("{field}: not a whole number in range"));
    text(raw).map(|text| text.parse().map_err(invalid)).transpose()
}

fn order_id(raw: &RawValue) -> Result<OrderId, CaseError> {
    OrderId::new(text(Some(raw)).unwrap_or(""))
        .map_err(|error| CaseError::invalid(format!("order_id: {error}")))
}

fn lower(word: &Option<Cow<'_, str>>) -> Option<String> {
    word.as_ref().map(|word| word.to_ascii_lowercase())
}

fn missing(field: &str) -> CaseError {
    CaseError::invalid(format!("{field} is missing"))
}

fn unknown(field: &str, value: &str, options: &str) -> CaseError {
    CaseError::invalid(format!("{field}: `{value}` is none of {options}"))
}
