// ccxt trades over REST: node rest.mjs VENUE spot|swap, with HOOX_VENUE set (see point.mjs).
//
// The price is pinned first, so that every amount, cost, fee and balance is known to the last digit.

import assert from 'node:assert/strict';
import test from 'node:test';
import ccxt from 'ccxt';
import { connect, venues } from './point.mjs';

const [, , id, type] = process.argv;
const spot = type === 'spot';
const symbol = spot ? 'BTC/USDT' : 'BTC/USDT:USDT';

/**
 * The six markets: tick, taker rate, size of a contract, asset in which the fee of a buy is taken,
 * whether an order is only acknowledged, an amount in BTC that nobody can pay, what ccxt calls a
 * cancel of no order, and which of its methods are tried.
 */
const market = {
    'binance spot': { tick: 0.01, taker: 0.001, feeIn: 'BTC', has: ['trigger', 'trailing'] },
    'binance swap': { tick: 0.1, taker: 0.0005, has: ['trigger', 'trailing', 'batch', 'edit', 'margin', 'hedge'] },
    'bybit spot': { tick: 0.1, taker: 0.001, feeIn: 'BTC', acknowledges: true, has: ['trigger', 'batch', 'edit'] },
    'bybit swap': { tick: 0.1, taker: 0.00055, acknowledges: true, has: ['trigger', 'batch', 'edit', 'hedge'] },
    'mexc spot': { tick: 0.01, taker: 0.0005, acknowledges: true, unpayable: 20, unknown: ccxt.BadRequest, has: ['batch'] },
    'mexc swap': { id: 'BTC_USDT', tick: 0.1, taker: 0.0002, contract: 0.0001, acknowledges: true, unknown: ccxt.InvalidOrder, has: ['trigger', 'hedge'] },
}[`${id} ${type}`];
const { tick, contract = 1, feeIn = 'USDT' } = market;
const mexcSwap = id === 'mexc' && !spot;
const without = (feature) => !market.has.includes(feature) && 'not in this market';

/** The prices at which a market order buys and sells once the price is pinned. */
const ASK = 60000;
const MID = ASK - tick;
const BID = MID - tick;

/** A price that a buyer waits at. */
const LOW = 58000;

/** 0.01 BTC, in the market's own unit. */
const AMOUNT = 0.01 / contract;

const settings = { options: { defaultType: type } };
const exchange = connect(id, settings);

async function control(path, body) {
    const url = new URL(`/control/${path}`, venues()[id].rest);
    const reply = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
    assert.equal(reply.status, 200, await reply.text());
}

const pin = (price) => control('price', { venue: id, market: spot ? 'spot' : 'linear', symbol: market.id ?? 'BTCUSDT', price });

function near(actual, expected, what) {
    const tolerance = 1e-9 * Math.max(1, Math.abs(expected));
    assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual} instead of ${expected}`);
}

/** Asks again until the answer satisfies: some venues acknowledge first and show later. */
async function eventually(ask, satisfies) {
    for (let attempt = 0; ; attempt++) {
        const answer = await ask();
        if (satisfies(answer)) return answer;
        assert.ok(attempt < 50, `still ${JSON.stringify(answer)}`);
        await exchange.sleep(20);
    }
}

/** Bybit looks among the 500 most recent orders only; ccxt wants to hear that this is known. */
const known = id === 'bybit' ? { acknowledged: true } : {};
const closed = (order) => eventually(() => exchange.fetchOrder(order.id, symbol, known), (o) => o.status === 'closed');
const opened = (order) => eventually(
    () => exchange.fetchOpenOrders(symbol),
    (open) => open.some((o) => o.id === order.id),
);
const trade = (order) => eventually(
    () => exchange.fetchMyTrades(symbol, undefined, 50),
    (trades) => trades.some((t) => t.order === order.id),
).then((trades) => trades.find((t) => t.order === order.id));
const position = async (side) => {
    const all = await exchange.fetchPositions([symbol]);
    return all.find((p) => p.contracts > 0 && (side === undefined || p.side === side));
};
const setLeverage = (times) => exchange.setLeverage(times, symbol, id === 'mexc' ? { openType: 2, positionType: 1 } : {});
const free = async () => (await exchange.fetchBalance()).free;
const refused = (kind, call) => assert.rejects(call, (e) => e instanceof kind || assert.fail(`${e.name}: ${e.message}`));

await pin(MID);
await exchange.loadMarkets();

test('the clock is the venue\'s', async () => {
    assert.ok(Math.abs(await exchange.fetchTime() - Date.now()) < 5000);
});

test('markets', () => {
    const found = exchange.market(symbol);
    assert.equal(found.id, market.id ?? 'BTCUSDT');
    assert.equal(found.active, true);
    assert.equal(found.precision.price, tick);
    if (id === 'mexc') assert.equal(found.taker, market.taker); // others do not list rates
    if (!spot) {
        assert.equal(found.linear, true);
        assert.equal(found.contractSize, contract);
    }
    assert.ok(exchange.currencies.USDT);
});

test('ticker, best prices and book agree', async () => {
    const book = await exchange.fetchOrderBook(symbol, 20);
    near(book.bids[0][0], BID, 'best bid');
    near(book.asks[0][0], ASK, 'best ask');
    assert.equal(book.bids.length, 20);
    assert.ok(book.bids.every(([price], n) => n === 0 || price < book.bids[n - 1][0]));
    assert.ok(book.asks.every(([price], n) => n === 0 || price > book.asks[n - 1][0]));
    const ticker = await exchange.fetchTicker(symbol);
    near(ticker.last, MID, 'last price');
});

test('a market order pays the ask and the fee', async () => {
    const before = await free();
    const order = await exchange.createOrder(symbol, 'market', 'buy', AMOUNT, id === 'mexc' ? ASK : undefined);
    if (!market.acknowledges && spot) assert.equal(order.status, 'closed');
    const done = await closed(order);
    near(done.filled, AMOUNT, 'filled');
    near(done.remaining, 0, 'remaining');
    near(done.average, ASK, 'average price');
    const fill = await trade(order);
    near(fill.amount, AMOUNT, 'traded');
    near(fill.price, ASK, 'trade price');
    assert.equal(fill.side, 'buy');
    assert.equal(fill.takerOrMaker, 'taker');
    const cost = 0.01 * (ASK);
    near(fill.cost, cost, 'cost');
    const fee = feeIn === 'BTC' ? 0.01 * market.taker : cost * market.taker;
    near(fill.fee.cost, fee, 'fee');
    assert.equal(fill.fee.currency, feeIn);
    const after = await free();
    if (spot) {
        near(after.BTC - before.BTC, 0.01 - (feeIn === 'BTC' ? fee : 0), 'bought');
        near(before.USDT - after.USDT, cost + (feeIn === 'USDT' ? fee : 0), 'paid');
    } else {
        const held = await position();
        assert.equal(held.side, 'long');
        near(held.contracts, AMOUNT, 'contracts');
        near(held.entryPrice, ASK, 'entry price');
        assert.ok(after.USDT < before.USDT - fee);
    }
});

test('a limit order rests, shows, locks and is cancelled', async () => {
    const price = LOW;
    const before = await free();
    const order = await exchange.createOrder(symbol, 'limit', 'buy', AMOUNT, price);
    const open = (await opened(order)).find((o) => o.id === order.id);
    assert.equal(open.status, 'open');
    if (!mexcSwap) assert.equal(open.type, 'limit'); // ccxt looks for `type`, the venue says `orderType`
    assert.equal(open.side, 'buy');
    near(open.price, price, 'price');
    near(open.amount, AMOUNT, 'amount');
    near(open.filled, 0, 'filled');
    const asked = await exchange.fetchOrder(order.id, symbol, known);
    assert.equal(asked.status, 'open');
    const during = await free();
    // MEXC sets the commission aside too, which it takes in the quote asset.
    if (spot) near(before.USDT - during.USDT, 0.01 * price * (id === 'mexc' ? 1 + market.taker : 1), 'locked');
    else assert.ok(during.USDT < before.USDT);
    await exchange.cancelOrder(order.id, symbol);
    const gone = await eventually(() => exchange.fetchOrder(order.id, symbol, known), (o) => o.status === 'canceled');
    near(gone.filled, 0, 'filled');
    assert.deepEqual(await exchange.fetchOpenOrders(symbol), []);
    near((await free()).USDT, before.USDT, 'unlocked');
});

test('a resting order fills when the price comes', async () => {
    const order = await exchange.createOrder(symbol, 'limit', 'buy', AMOUNT, MID - 50);
    await opened(order);
    await pin(MID - 100);
    await closed(order);
    const fill = await trade(order);
    near(fill.price, MID - 50, 'its own price');
    assert.equal(fill.takerOrMaker, 'maker');
    await pin(MID);
});

test('post-only that would take, and immediate-or-cancel that finds nothing, do not rest', async () => {
    const crossing = async () => exchange.createOrder(symbol, 'limit', 'buy', AMOUNT, MID + 100, { postOnly: true });
    if (market.acknowledges) {
        const order = await crossing();
        const done = await eventually(() => exchange.fetchOrder(order.id, symbol, known), (o) => o.status !== 'open');
        near(done.filled, 0, 'filled');
    } else {
        await refused(spot ? ccxt.OrderImmediatelyFillable : ccxt.OrderNotFillable, crossing);
    }
    // On MEXC futures the type says it; ccxt sends a `timeInForce` that the venue does not have.
    const [kind, params] = mexcSwap ? [3, {}] : ['limit', { timeInForce: 'IOC' }];
    const order = await exchange.createOrder(symbol, kind, 'buy', AMOUNT, LOW + 100, params);
    const done = await eventually(() => exchange.fetchOrder(order.id, symbol, known), (o) => o.status !== 'open');
    near(done.filled, 0, 'filled');
    assert.deepEqual(await exchange.fetchOpenOrders(symbol), []);
});

test('an order is found by the client\'s own id', async () => {
    const clientOrderId = `stranger-${Date.now()}`;
    const order = await exchange.createOrder(symbol, 'limit', 'buy', AMOUNT, LOW, { clientOrderId });
    const open = (await opened(order)).find((o) => o.id === order.id);
    if (mexcSwap) {
        assert.equal(open.info.externalOid, clientOrderId);
        await exchange.contractPrivatePostOrderCancelWithExternal({ symbol: market.id, externalOid: clientOrderId });
        return eventually(() => exchange.fetchOpenOrders(symbol), (all) => all.length === 0);
    }
    assert.equal(open.clientOrderId, clientOrderId);
    await exchange.cancelOrder(undefined, symbol, { [id === 'bybit' ? 'orderLinkId' : 'clientOrderId']: clientOrderId });
    await eventually(() => exchange.fetchOpenOrders(symbol), (all) => all.length === 0);
});

test('several orders, then none', { skip: without('batch') }, async () => {
    const one = { symbol, type: 'limit', side: 'buy', amount: AMOUNT };
    const orders = await exchange.createOrders([{ ...one, price: LOW }, { ...one, price: LOW + 100 }]);
    assert.equal(orders.length, 2);
    await eventually(() => exchange.fetchOpenOrders(symbol), (all) => all.length === 2);
    await exchange.cancelAllOrders(symbol);
    await eventually(() => exchange.fetchOpenOrders(symbol), (all) => all.length === 0);
});

test('an order is amended', { skip: without('edit') }, async () => {
    const order = await exchange.createOrder(symbol, 'limit', 'buy', AMOUNT, LOW);
    await opened(order);
    await exchange.editOrder(order.id, symbol, 'limit', 'buy', AMOUNT * 2, LOW - 100);
    const all = await eventually(() => exchange.fetchOpenOrders(symbol), ([o]) => o?.amount === AMOUNT * 2);
    assert.equal(all[0].id, order.id);
    near(all[0].price, LOW - 100, 'price');
    await exchange.cancelOrder(order.id, symbol);
});

test('an order that waits for a price is triggered by it', { skip: without('trigger') }, async () => {
    const before = (await exchange.fetchMyTrades(symbol, undefined, 50)).length;
    const trigger = { triggerPrice: ASK - 500 };
    if (id === 'bybit' && !spot) trigger.triggerDirection = 'below';
    // ccxt would wait for a rising price and place a limit order.
    if (mexcSwap) Object.assign(trigger, { triggerType: 2, orderType: 5 });
    await exchange.createOrder(symbol, 'market', 'sell', AMOUNT, undefined, trigger);
    await exchange.sleep(100);
    assert.equal((await exchange.fetchMyTrades(symbol, undefined, 50)).length, before);
    await pin(LOW + 1005);
    await eventually(() => exchange.fetchMyTrades(symbol, undefined, 50), (trades) => trades.length === before + 1);
    await pin(MID);
});

test('a stop trails the price', { skip: without('trailing') }, async () => {
    await exchange.createOrder(symbol, 'market', 'buy', AMOUNT);
    const before = (await exchange.fetchMyTrades(symbol, undefined, 50)).length;
    const trailing = { trailingPercent: 1, ...(spot ? { stopLossOrTakeProfit: 'stopLoss' } : {}) };
    await exchange.createOrder(symbol, 'market', 'sell', AMOUNT, undefined, trailing);
    for (const price of [MID + 1000, 60390]) await pin(price);
    await exchange.sleep(100);
    assert.equal((await exchange.fetchMyTrades(symbol, undefined, 50)).length, before, 'less than a percent');
    await pin(60389);
    const trades = await eventually(() => exchange.fetchMyTrades(symbol, undefined, 50), (all) => all.length === before + 1);
    assert.equal(trades.at(-1).side, 'sell');
    near(trades.at(-1).price, 60389 - tick, 'at the bid');
    await pin(MID);
});

test('leverage', { skip: spot && 'not in this market' }, async () => {
    await setLeverage(7);
    const leverage = await exchange.fetchLeverage(symbol);
    assert.equal(leverage.longLeverage, 7);
});

test('a position is closed, not turned', { skip: spot && 'not in this market' }, async () => {
    await eventually(() => position('long'), (held) => held !== undefined);
    const held = await position('long');
    await exchange.createOrder(symbol, 'market', 'sell', held.contracts, undefined, { reduceOnly: true });
    await eventually(() => position(), (left) => left === undefined);
});

test('margin mode', { skip: without('margin') }, async () => {
    await exchange.setMarginMode('isolated', symbol);
    assert.equal((await exchange.fetchMarginMode(symbol)).marginMode, 'isolated');
    await exchange.setMarginMode('cross', symbol);
});

test('long and short at a time', { skip: without('hedge') }, async () => {
    await exchange.setPositionMode(true, symbol);
    // MEXC's own codes for closing, 4 a long and 2 a short: ccxt has them the other way round.
    const [long, short, closeLong, closeShort] = {
        binance: ['LONG', 'SHORT', 'LONG', 'SHORT'].map((positionSide) => ({ positionSide })),
        bybit: [1, 2, 1, 2].map((positionIdx) => ({ positionIdx })),
        mexc: [{ hedged: true }, { hedged: true }, { hedged: true, side: 4 }, { hedged: true, side: 2 }],
    }[id];
    const trades = (side, amount, params) => exchange.createOrder(symbol, 'market', side, amount, undefined, params);
    await trades('buy', AMOUNT, long);
    await trades('sell', AMOUNT * 2, short);
    near((await eventually(() => position('long'), Boolean)).contracts, AMOUNT, 'long');
    near((await eventually(() => position('short'), Boolean)).contracts, AMOUNT * 2, 'short');
    await trades('sell', AMOUNT, closeLong);
    await trades('buy', AMOUNT * 2, closeShort);
    await eventually(() => position(), (left) => left === undefined);
    await exchange.setPositionMode(false, symbol);
});

test('refusals have the names that ccxt gives them', async () => {
    if (!spot) await setLeverage(1);
    await refused(ccxt.InsufficientFunds, () => exchange.createOrder(symbol, 'limit', 'buy', (market.unpayable ?? 50) / contract, LOW));
    await refused(market.unknown ?? ccxt.OrderNotFound, () => exchange.cancelOrder(id === 'mexc' && spot ? 'C02__1' : '123456789', symbol));
    const stranger = connect(id, settings);
    stranger.secret = 'wrong';
    stranger.markets = exchange.markets;
    await refused(ccxt.AuthenticationError, () => stranger.fetchMyTrades(symbol));
});

test('faults reach the client as what they are', async () => {
    await control('fault', { kind: 'http_429' });
    const tooMany = id === 'binance' ? ccxt.DDoSProtection : ccxt.RateLimitExceeded;
    await refused(tooMany, () => exchange.fetchOrderBook(symbol));
    await control('fault', { kind: 'reset_before' });
    await refused(ccxt.NetworkError, () => exchange.fetchOrderBook(symbol));
    await exchange.fetchOrderBook(symbol);
});
