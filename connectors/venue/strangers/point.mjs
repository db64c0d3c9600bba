// How ccxt is pointed at the simulated exchange: every address keeps its path, and gets another host.

import ccxt from 'ccxt';

/** What `hoox venue --json` writes on its first line, given in the environment. */
export function venues() {
    const line = process.env.HOOX_VENUE;
    if (!line) throw new Error('set HOOX_VENUE to the line that `hoox venue --json` writes first');
    return JSON.parse(line);
}

/** An exchange of ccxt (of `ccxt.pro`, if `from` is that) that trades on the simulated venue. */
export function connect(id, settings = {}, from = ccxt) {
    const { rest, ws, api_key: apiKey, api_secret: secret } = venues()[id];
    const exchange = new from[id]({ apiKey, secret, ...settings });
    exchange.urls.api = pointed(exchange.urls.api, rest, ws);
    if (id === 'binance') {
        // It tells by the real host which market's error numbers apply, and whose stream it hears.
        exchange.isSpotUrl = (client) => !/\/(public|market|private)\//.test(client.url);
        exchange.getExceptionsByUrl = (url, kind) => {
            return exchange.exceptions[url.includes('/fapi/') ? 'linear' : 'spot'][kind] ?? {};
        };
    }
    return exchange;
}

function pointed(url, rest, ws) {
    if (typeof url === 'string') {
        return url.replace(/^https?:\/\/[^/]+/, rest).replace(/^wss?:\/\/[^/]+/, ws);
    }
    const entries = Object.entries(url ?? {});
    return Object.fromEntries(entries.map(([name, value]) => [name, pointed(value, rest, ws)]));
}
