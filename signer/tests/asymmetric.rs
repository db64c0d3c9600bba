//! Ed25519 and RSA signatures against vectors made with other implementations.
#![cfg(all(feature = "ed25519", feature = "rsa"))]

use hoox_signer::{Credentials, Ed25519Key, Encoding, KeyError, SigningKey};

// PKCS#8 of the seed 00 01 02 … 1f, the throwaway key of the Binance signing vectors.
const ED25519: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f
-----END PRIVATE KEY-----
";

#[test]
fn ed25519_signs_as_openssl_does() {
    let key = SigningKey::from_pkcs8_pem(ED25519).unwrap();
    assert!(key.is_ed25519());
    let payload = "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTC&quantity=1&price=0.2\
                   &timestamp=1668481559918&recvWindow=5000";
    let signature = key.sign(payload.as_bytes()).unwrap();
    let mut plain = String::new();
    signature.write(&mut plain, Encoding::Plain);
    assert_eq!(
        plain,
        "m5loLRxgkb9HyW0wkZ4KNrpck881bx5D0OrKNnPklvk4tlGjEJkhiP9DoyC0sc1lXA/TWugjVPrMb/bfNdmdBw=="
    );
    let mut url = String::new();
    signature.write(&mut url, Encoding::Url);
    assert_eq!(url, plain.replace('/', "%2F").replace('=', "%3D"));
}

#[test]
fn a_pem_secret_is_an_asymmetric_key_and_other_text_a_shared_one() {
    assert!(Credentials::from_secret("k", ED25519).unwrap().key().is_ed25519());
    assert!(Credentials::from_secret("k", "plain").unwrap().key().is_hmac());
    let broken = ED25519.replace("MC4C", "AAAA");
    assert_eq!(Credentials::from_secret("k", &broken).err(), Some(KeyError::Pem));
    assert_eq!(Ed25519Key::from_pkcs8_pem("").err(), Some(KeyError::Ed25519));
}

#[test]
fn debug_of_an_asymmetric_key_is_redacted() {
    let credentials = Credentials::from_secret("the-api-key", ED25519).unwrap();
    let shown = format!("{credentials:?}");
    assert!(!shown.contains("the-api-key") && shown.contains("redacted"), "{shown}");
}
