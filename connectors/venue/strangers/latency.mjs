// How long ccxt takes for an order: node latency.mjs [ORDERS], with HOOX_VENUE set (see point.mjs).
// Market orders of 0.01 BTC on Binance USD-M futures, in turn bought and sold, one after the other.

import { connect } from './point.mjs';

const orders = Number(process.argv[2] ?? 1000);
const warmUp = 200;
const symbol = 'BTC/USDT:USDT';
const options = { defaultType: 'swap', fetchMarkets: { types: ['linear'] } };
const exchange = connect('binance', { enableRateLimit: false, options });
await exchange.loadMarkets();

const times = [];
for (let turn = 0; turn < warmUp + orders; turn++) {
    const start = process.hrtime.bigint();
    await exchange.createOrder(symbol, 'market', turn % 2 ? 'sell' : 'buy', 0.01);
    const took = process.hrtime.bigint() - start;
    if (turn >= warmUp) times.push(Number(took) / 1000);
}
times.sort((a, b) => a - b);
const at = (quantile) => times[Math.floor(quantile * (times.length - 1))].toFixed(1).padStart(8);
console.log(`${`ccxt ${exchange.constructor.ccxtVersion ?? ''} over REST`.padEnd(34)} ${at(0.5)} ${at(0.9)} ${at(0.99)}`);
