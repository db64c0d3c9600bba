// ccxt.pro listens: node --test-force-exit streams.mjs VENUE spot|swap, with HOOX_VENUE set (see point.mjs).
//
// What arrives on the streams is compared with what was done and what was pinned. ccxt leaves timers
// behind that would keep the process alive: hence the flag.

import assert from 'node:assert/strict';
import test from 'node:test';
import ccxt from 'ccxt';
import { connect, venues } from './point.mjs';

const [, , id, type] = process.argv;
const spot = type === 'spot';
const symbol = spot ? 'BTC/USDT' : 'BTC/USDT:USDT';
const mexcSwap = id === 'mexc' && !spot;
const tick = spot && id !== 'bybit' ? 0.01 : 0.1;
const ASK = 60000;
const LOW = 58000;
/** 0.01 BTC; futures on MEXC are counted in contracts. */
const AMOUNT = mexcSwap ? 100 : 0.01;

const exchange = connect(id, { options: { defaultType: type } }, ccxt.pro);
await exchange.loadHttpProxyAgent(); // what ccxt needs for ws:// without TLS
await exchange.loadMarkets();

async function pin(price) {
    const body = { venue: id, market: spot ? 'spot' : 'linear', symbol: mexcSwap ? 'BTC_USDT' : 'BTCUSDT', price };
    const reply = await fetch(new URL('/control/price', venues()[id].rest), { method: 'POST', body: JSON.stringify(body) });
    assert.equal(reply.status, 200);
}

/** What the stream tells, from now on, until the connection is closed. */
function follow(watch) {
    const told = [];
    const listen = async () => {
        for (;;) told.push(structuredClone(await watch()));
    };
    told.ended = listen().catch((error) => (told.error = error));
    return told;
}

/** The first of what is told that satisfies. */
async function heard(told, satisfies, what) {
    for (let attempt = 0; attempt < 500; attempt++) {
        const found = told.flat().find(satisfies);
        if (found !== undefined) return found;
        if (told.error) throw told.error;
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return assert.fail(`${what} was not among ${JSON.stringify(told).slice(0, 2000)}`);
}

function near(actual, expected, what) {
    assert.ok(Math.abs(actual - expected) <= 1e-9 * Math.max(1, expected), `${what}: ${actual} instead of ${expected}`);
}

const isNear = (actual, expected) => Math.abs(actual - expected) < tick / 2;

test.after(() => exchange.close());

test('an order book that is kept up to date', async () => {
    const book = await exchange.watchOrderBook(symbol);
    const told = follow(async () => {
        const { bids, asks } = await exchange.watchOrderBook(symbol);
        return { bids: bids.slice(0, 10).map((l) => [...l]), asks: asks.slice(0, 10).map((l) => [...l]) };
    });
    assert.ok(book.bids.length > 0 && book.asks.length > 0);
    await pin(ASK - tick);
    await heard(told, ({ bids, asks }) => isNear(asks[0][0], ASK) && isNear(bids[0][0], ASK - 2 * tick), 'the pinned price');
    for (const { bids, asks } of told) {
        assert.ok(bids[0][0] < asks[0][0], `crossed: ${bids[0]} ${asks[0]}`);
        assert.ok(bids.every(([price], n) => n === 0 || price < bids[n - 1][0]));
        assert.ok(asks.every(([price], n) => n === 0 || price > asks[n - 1][0]));
    }
    await pin(null);
});

test('best prices', async () => {
    const own = id !== 'mexc'; // there ccxt hears them in the ticker alone
    const told = follow(async () => (own ? (await exchange.watchBidsAsks([symbol]))[symbol] : exchange.watchTicker(symbol)));
    await heard(told, (t) => t.bid < t.ask, 'a best price');
    await pin(ASK - tick);
    await heard(told, (t) => isNear(t.ask, ASK) && (t.bid === undefined || isNear(t.bid, ASK - 2 * tick)), 'the pinned price');
});

test('what the customer does arrives on the private streams, and trades on the public one', async () => {
    await pin(ASK - tick);
    const orders = follow(() => exchange.watchOrders(symbol));
    const mine = follow(() => exchange.watchMyTrades(symbol));
    // On futures ccxt would ask for the stream `trade`, which Binance does not document.
    const all = follow(() => exchange.watchTrades(symbol, undefined, undefined, id === 'binance' && !spot ? { name: 'aggTrade' } : {}));
    const balances = follow(() => exchange.watchBalance());
    const before = (await exchange.fetchBalance()).USDT.free;
    // Nothing is told before the subscriptions stand.
    await new Promise((resolve) => setTimeout(resolve, 1500));

    const resting = await exchange.createOrder(symbol, 'limit', 'buy', AMOUNT, LOW);
    const open = await heard(orders, (o) => o.id === resting.id && o.status === 'open', 'the open order');
    near(open.price, LOW, 'price');
    near(open.amount, AMOUNT, 'amount');
    assert.equal(open.side, 'buy');
    if (spot) await heard(balances, (b) => b.USDT?.free < before - 1, 'the lower balance');
    await exchange.cancelOrder(resting.id, symbol);
    await heard(orders, (o) => o.id === resting.id && o.status === 'canceled', 'the cancelled order');

    const market = await exchange.createOrder(symbol, 'market', 'buy', AMOUNT, id === 'mexc' ? ASK : undefined);
    const done = await heard(orders, (o) => o.id === market.id && o.status === 'closed', 'the filled order');
    near(done.filled, AMOUNT, 'filled');
    const fill = await heard(mine, (t) => t.order === market.id, 'the own trade');
    near(fill.price, ASK, 'price');
    near(fill.amount, AMOUNT, 'amount');
    assert.equal(fill.side, 'buy');
    assert.ok(fill.fee.cost > 0);
    await heard(all, (t) => isNear(t.price, ASK) && t.side === 'buy', 'the public trade');
    if (spot) await heard(balances, (b) => b.BTC?.total > 10, 'the higher balance');
    else await heard(balances, (b) => b.USDT?.free < before || b.USDT?.total < before, 'the fee paid');
});

test('positions', { skip: (spot || id === 'mexc') && 'not in this market' }, async () => {
    const told = follow(() => exchange.watchPositions([symbol]));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await exchange.createOrder(symbol, 'market', 'buy', AMOUNT);
    const held = await heard(told, (p) => p.symbol === symbol && p.contracts >= AMOUNT * 2, 'the position');
    assert.equal(held.side, 'long');
    near(held.entryPrice, ASK, 'entry price');
});
