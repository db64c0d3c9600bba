//! Anvil on a free port, and the contracts on it. The tests of other crates take this file in too.

use core::time::Duration;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use alloy_sol_types::{SolCall, SolConstructor, sol};
use hoox_connector::{ReqwestTransport, SystemClock};
use hoox_wallet::{
    Account, Address, Bytes, Mnemonic, Question, Receipt, Router, Rpc, RpcUrl, U256,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The words that anvil's accounts are derived from.
pub(crate) const WORDS: &str = "test test test test test test test test test test test junk";

pub(crate) const ETHER: u64 = 1_000_000_000_000_000_000;

/// A deadline that no test reaches.
pub(crate) const LATE: u64 = 4_000_000_000;

sol! {
    interface Contracts {
        function mint(address to, uint256 amount) external;
        function setBalance(address owner, uint256 balance) external;
        function pause() external;
        function addLiquidityETH(address token, uint256 amountTokenDesired, uint256 amountTokenMin, uint256 amountETHMin, address to, uint256 deadline) external payable;
        function addLiquidity(address tokenA, address tokenB, uint256 amountADesired, uint256 amountBDesired, uint256 amountAMin, uint256 amountBMin, address to, uint256 deadline) external;
        function createAndInitializePoolIfNecessary(address token0, address token1, uint24 fee, uint160 sqrtPriceX96) external payable returns (address pool);
        struct MintParams {
            address token0;
            address token1;
            uint24 fee;
            int24 tickLower;
            int24 tickUpper;
            uint256 amount0Desired;
            uint256 amount1Desired;
            uint256 amount0Min;
            uint256 amount1Min;
            address recipient;
            uint256 deadline;
        }
        function approve(address spender, uint256 amount) external;
        function deposit() external payable;
    }
    interface Positions {
        function mint(Contracts.MintParams params) external payable;
    }
    contract OneNumber { constructor(uint256 a); }
    contract OneAddress { constructor(address a); }
    contract TwoAddresses { constructor(address a, address b); }
    contract ThreeAddresses { constructor(address a, address b, address c); }
    contract TwoStrings { constructor(string a, string b); }
    contract ZeroExToken { constructor(string name, string symbol, uint256 decimals, uint256 supply); }
}

pub(crate) struct Anvil {
    child: Child,
    pub(crate) port: u16,
    pub(crate) rpc: Rpc<ReqwestTransport, SystemClock>,
}

impl Anvil {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        Self::start_as(31337, arguments)
    }

    /// A chain of this id.
    pub(crate) fn start_as(chain_id: u64, arguments: &[&str]) -> Self {
        let mut child = Command::new(binary())
            .args(["--port", "0", "--chain-id", &chain_id.to_string()])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("anvil starts; `node wallet/chain/install.mjs` installs it");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = loop {
            let line = lines.next().expect("anvil says where it listens").unwrap();
            if let Some(rest) = line.strip_prefix("Listening on ") {
                break rest.rsplit(':').next().unwrap().trim().parse().unwrap();
            }
        };
        // It blocks when nobody reads what it writes.
        std::thread::spawn(move || for _ in lines {});
        let transport = ReqwestTransport::new().unwrap();
        let url = RpcUrl::parse(&format!("http://127.0.0.1:{port}")).unwrap();
        Self { child, port, rpc: Rpc::new(transport, SystemClock, chain_id, vec![url]) }
    }

    pub(crate) fn url(&self) -> RpcUrl {
        RpcUrl::parse(&format!("http://127.0.0.1:{}", self.port)).unwrap()
    }

    /// Asks anvil for something that only anvil does.
    pub(crate) async fn ask<R: DeserializeOwned>(&self, method: &'static str, params: Value) -> R {
        self.rpc.ask(Question::new(method, params)).await.unwrap()
    }

    pub(crate) async fn balance(&self, address: Address) -> U256 {
        self.rpc.ask(Question::balance(address)).await.unwrap()
    }

    /// The number of transactions of `address` in blocks.
    pub(crate) async fn count(&self, address: Address) -> u64 {
        let count: hoox_wallet::U64 = self
            .rpc
            .ask(Question::transaction_count(address, hoox_wallet::BlockTag::Latest))
            .await
            .unwrap();
        count.to()
    }

    /// Sends from anvil's last account, which it signs for itself.
    pub(crate) async fn send(&self, to: Option<Address>, value: U256, data: Vec<u8>) -> Receipt {
        let from = account(9).address();
        let mut transaction = json!({
            "from": from, "value": value, "data": Bytes::from(data), "gas": "0x1c9c380",
        });
        if let Some(to) = to {
            transaction["to"] = json!(to);
        }
        let hash = self.ask("eth_sendTransaction", json!([transaction])).await;
        loop {
            if let Some(receipt) =
                self.rpc.ask::<Option<Receipt>>(Question::receipt(hash)).await.unwrap()
            {
                assert_eq!(receipt.status.unwrap().to::<u64>(), 1, "{receipt:?}");
                return receipt;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn deploy(&self, path: &str, arguments: Vec<u8>) -> Address {
        let mut code = bytecode(path);
        code.extend(arguments);
        self.send(None, U256::ZERO, code).await.contract_address.unwrap()
    }

    pub(crate) async fn mine(&self, blocks: u64) {
        let _: Value = self.ask("anvil_mine", json!([format!("{blocks:#x}")])).await;
    }

    pub(crate) async fn wrapped(&self) -> Address {
        self.deploy("node_modules/canonical-weth/build/contracts/WETH9.json", vec![]).await
    }

    /// A plain token with 18 decimals that can be paused, and `amount` of it for `owner`.
    pub(crate) async fn token(&self, owner: Address, amount: U256) -> Address {
        let arguments = TwoStrings::constructorCall { a: "Plain".into(), b: "PLN".into() };
        let path =
            "node_modules/@openzeppelin/contracts/build/contracts/ERC20PresetMinterPauser.json";
        let token = self.deploy(path, arguments.abi_encode()).await;
        for to in [owner, account(9).address()] {
            let mint = Contracts::mintCall { to, amount };
            self.send(Some(token), U256::ZERO, mint.abi_encode()).await;
        }
        token
    }

    /// A token that returns nothing, as USDT does, with 6 decimals, and `amount` of it for `owner`.
    pub(crate) async fn silent_token(&self, owner: Address, amount: U256) -> Address {
        let arguments = ZeroExToken::constructorCall {
            name: "Silent".into(),
            symbol: "SLT".into(),
            decimals: U256::from(6),
            supply: U256::ZERO,
        };
        let path =
            "node_modules/.tokens/no-return/lib/generated-artifacts/DummyNoReturnERC20Token.json";
        let token = self.deploy(path, arguments.abi_encode()).await;
        let set = Contracts::setBalanceCall { owner, balance: amount };
        self.send(Some(token), U256::ZERO, set.abi_encode()).await;
        token
    }

    /// A token of which a hundredth is lost with each transfer; all of it is account 9's.
    pub(crate) async fn deflating_token(&self, amount: U256) -> Address {
        let path = "node_modules/@uniswap/v2-periphery/build/DeflatingERC20.json";
        self.deploy(path, OneNumber::constructorCall { a: amount }.abi_encode()).await
    }

    /// A token whose approval must be taken back before another, as USDT's.
    pub(crate) async fn zero_first_token(&self) -> Address {
        let path = "node_modules/.tokens/zero-first/dist/typechain-types/factories/contracts/tests/mocks/SafeERC20Helper.sol/ERC20ThroughZeroApprove__factory.js";
        self.deploy(path, vec![]).await
    }

    /// Uniswap V2 with a pool of `coins` and `tokens`.
    pub(crate) async fn uniswap_v2(
        &self,
        wrapped: Address,
        token: Address,
        coins: U256,
        tokens: U256,
    ) -> Router {
        let own = account(9).address();
        let arguments = OneAddress::constructorCall { a: own }.abi_encode();
        let factory = self
            .deploy("node_modules/@uniswap/v2-core/build/UniswapV2Factory.json", arguments)
            .await;
        let arguments = TwoAddresses::constructorCall { a: factory, b: wrapped }.abi_encode();
        let path = "node_modules/@uniswap/v2-periphery/build/UniswapV2Router02.json";
        let router = self.deploy(path, arguments).await;
        let approve = Contracts::approveCall { spender: router, amount: tokens };
        self.send(Some(token), U256::ZERO, approve.abi_encode()).await;
        let add = Contracts::addLiquidityETHCall {
            token,
            amountTokenDesired: tokens,
            amountTokenMin: U256::ZERO,
            amountETHMin: U256::ZERO,
            to: own,
            deadline: U256::from(LATE),
        };
        self.send(Some(router), coins, add.abi_encode()).await;
        Router::V2 { router }
    }

    /// Uniswap V3 with a pool of as many coins as tokens, over all prices.
    pub(crate) async fn uniswap_v3(
        &self,
        wrapped: Address,
        token: Address,
        amount: U256,
    ) -> Router {
        let own = account(9).address();
        let path = "node_modules/@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json";
        let factory = self.deploy(path, vec![]).await;
        let pair = TwoAddresses::constructorCall { a: factory, b: wrapped }.abi_encode();
        let periphery = "node_modules/@uniswap/v3-periphery/artifacts/contracts";
        let path = format!("{periphery}/SwapRouter.sol/SwapRouter.json");
        let router = self.deploy(&path, pair.clone()).await;
        let quoter = self.deploy(&format!("{periphery}/lens/Quoter.sol/Quoter.json"), pair).await;
        // The descriptor only draws pictures.
        let arguments = ThreeAddresses::constructorCall { a: factory, b: wrapped, c: own };
        let path =
            format!("{periphery}/NonfungiblePositionManager.sol/NonfungiblePositionManager.json");
        let positions = self.deploy(&path, arguments.abi_encode()).await;
        self.send(Some(wrapped), amount, Contracts::depositCall {}.abi_encode()).await;
        for it in [wrapped, token] {
            let approve = Contracts::approveCall { spender: positions, amount };
            self.send(Some(it), U256::ZERO, approve.abi_encode()).await;
        }
        let (token0, token1) = if wrapped < token { (wrapped, token) } else { (token, wrapped) };
        let fee = alloy_primitives::aliases::U24::from(3000);
        let create = Contracts::createAndInitializePoolIfNecessaryCall {
            token0,
            token1,
            fee,
            // The price 1.
            sqrtPriceX96: alloy_primitives::aliases::U160::from(1) << 96,
        };
        self.send(Some(positions), U256::ZERO, create.abi_encode()).await;
        // The widest range that the tick spacing of 60 divides.
        let tick = alloy_primitives::aliases::I24::try_from(887_220).unwrap();
        let params = Contracts::MintParams {
            token0,
            token1,
            fee,
            tickLower: -tick,
            tickUpper: tick,
            amount0Desired: amount,
            amount1Desired: amount,
            amount0Min: U256::ZERO,
            amount1Min: U256::ZERO,
            recipient: own,
            deadline: U256::from(LATE),
        };
        let mint = Positions::mintCall { params };
        self.send(Some(positions), U256::ZERO, mint.abi_encode()).await;
        Router::V3 { router, quoter, fee: 3000 }
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub(crate) fn account(index: u32) -> Account {
    Mnemonic::new(WORDS, "").unwrap().account(index).unwrap()
}

/// `wallet/chain`, wherever the crate is whose tests these are.
fn directory() -> PathBuf {
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let chains = folders.find_map(|folder| {
        let chain = folder.join("wallet/chain");
        chain.join("install.mjs").exists().then_some(chain)
    });
    chains.expect("the tests run in the repository")
}

/// Anvil's own binary: its npm wrapper would outlive a kill.
fn binary() -> PathBuf {
    let platform = match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => "linux-amd64",
        ("linux", "aarch64") => "linux-arm64",
        ("macos", "x86_64") => "darwin-amd64",
        ("macos", "aarch64") => "darwin-arm64",
        other => panic!("anvil is not published for {other:?}"),
    };
    directory().join(format!("node_modules/@foundry-rs/anvil-{platform}/bin/anvil"))
}

/// The code in a compiler's output: of truffle, hardhat, solc or typechain.
fn bytecode(path: &str) -> Vec<u8> {
    let text = std::fs::read_to_string(directory().join(path))
        .expect("`node wallet/chain/install.mjs` installs the contracts");
    let hex = if path.ends_with(".js") {
        let start = text.find("_bytecode = \"").unwrap() + "_bytecode = \"".len();
        let length = text[start..].find('"').unwrap();
        text[start..start + length].to_owned()
    } else {
        let json: Value = serde_json::from_str(&text).unwrap();
        let places = ["/bytecode", "/evm/bytecode/object", "/compilerOutput/evm/bytecode/object"];
        let code = places.iter().find_map(|place| json.pointer(place)?.as_str());
        code.unwrap().to_owned()
    };
    alloy_primitives::hex::decode(hex).unwrap()
}
