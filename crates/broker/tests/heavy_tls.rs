//! TLS: a given CA is trusted alone, the platform's store only without one, and a client certificate
//! is a login.
#![allow(clippy::unwrap_used, reason = "a test has nobody to return an error to")]

mod support;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use std::{path::PathBuf, time::Duration};
use support::{Site, quick};
use valet_broker::{
    BrokerConfig, ConnectError, Password, Purpose, Session, TlsConfig,
    management::{Existing, Management},
    topology::Role,
};
use valet_testkit::{Broker, BrokerOptions, Folder, Program, broker::BrokerTls, port::Port};

/// A private authority.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// Certificate and key.
    fn issue(&self, name: &str, hosts: &[&str], usage: ExtendedKeyUsagePurpose) -> (String, String) {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    fn trusted(&self) -> TlsConfig {
        TlsConfig { ca_pem: Some(self.pem.clone()), ..TlsConfig::default() }
    }
}

/// A broker for `localhost` whose certificate and whose clients' come from `authority`.
fn start(authority: &Authority, folder: &Folder, client_cert_required: bool, lines: Vec<String>) -> Broker {
    let (cert, key) = authority.issue("localhost", &["localhost"], ExtendedKeyUsagePurpose::ServerAuth);
    let write = |name: &str, pem: &str| -> PathBuf { folder.write(name, pem) };
    Broker::start_with(&BrokerOptions {
        tls: Some(BrokerTls {
            ca_file: write("ca.pem", &authority.pem),
            cert_file: write("cert.pem", &cert),
            key_file: write("key.pem", &key),
            client_cert_required,
        }),
        config_lines: lines,
        ..BrokerOptions::default()
    })
}

async fn connect(url: &str, login: Option<(&str, Password)>, tls: TlsConfig) -> Result<(), ConnectError> {
    let mut config = BrokerConfig::parse(url).unwrap().with_tls(tls).with_start_patience(Duration::ZERO);
    if let Some((name, password)) = login {
        config = config.with_login(name, password);
    }
    let session = Session::connect(config, Purpose::Probe).await?;
    session.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn heavy_only_the_given_authority_is_trusted() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let folder = Folder::new("tls");
    let broker = start(&ours, &folder, false, Vec::new());
    let site = Site::on(&broker, quick()).await;
    let url = broker.amqps_url(&site.vhost);
    let login = || Some((site.names.worker.as_str(), site.password(Role::Worker)));

    connect(&url, login(), ours.trusted()).await.expect("its own authority is enough");
    for (what, tls) in
        [("another authority", other.trusted()), ("the platform's store", TlsConfig::default())]
    {
        let error = connect(&url, login(), tls).await.expect_err(what);
        assert!(matches!(error, ConnectError::Tls { .. }), "{what}: {error:?}");
        assert!(error.advice().contains("broker.ca_file"));
    }
    let wrong_host = url.replace("localhost", "127.0.0.1");
    let error =
        connect(&wrong_host, login(), ours.trusted()).await.expect_err("the certificate is for localhost");
    assert!(matches!(error, ConnectError::Tls { .. }), "{error:?}");
    let plain = site.vhost.amqp_url().replace("amqp:", "amqps:");
    assert!(connect(&plain, login(), ours.trusted()).await.is_err(), "a plain port is no TLS");
}

/// Runs itself a second time, with a platform store (`SSL_CERT_FILE`) that holds the broker's
/// authority: the store of this process cannot be changed.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn heavy_the_platform_store_counts_only_without_an_authority() {
    if let (Ok(url), Ok(name), Ok(password)) =
        (std::env::var("TLS_URL"), std::env::var("TLS_NAME"), std::env::var("TLS_PASSWORD"))
    {
        let login = || Some((name.as_str(), Password::from(password.as_str())));
        connect(&url, login(), TlsConfig::default()).await.expect("the platform's store knows the authority");
        let error =
            connect(&url, login(), Authority::new("other").trusted()).await.expect_err("not the one given");
        assert!(matches!(error, ConnectError::Tls { .. }), "{error:?}");
        return;
    }
    let ours = Authority::new("ours");
    let folder = Folder::new("tls-store");
    let broker = start(&ours, &folder, false, Vec::new());
    let site = Site::on(&broker, quick()).await;
    let run = Program::new(std::env::current_exe().unwrap())
        .args(["--exact", "heavy_the_platform_store_counts_only_without_an_authority", "--nocapture"])
        .env("SSL_CERT_FILE", folder.join("ca.pem"))
        .env("TLS_URL", broker.amqps_url(&site.vhost))
        .env("TLS_NAME", &site.names.worker)
        .env("TLS_PASSWORD", site.password(Role::Worker).expose());
    let finished = tokio::task::block_in_place(|| run.run(Duration::from_secs(60)));
    assert!(finished.success(), "{finished:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn heavy_a_client_certificate_is_a_login() {
    let ours = Authority::new("ours");
    let folder = Folder::new("tls-client");
    let broker = start(&ours, &folder, true, Vec::new());
    let site = Site::on(&broker, quick()).await;
    let producer = &site.names.producer;
    let (cert, key) = ours.issue(producer, &[], ExtendedKeyUsagePurpose::ClientAuth);
    let tls = TlsConfig { client_cert_pem: Some(cert), client_key_pem: Some(key.into()), ..ours.trusted() };
    let url = broker.amqps_url(&site.vhost);

    let config = BrokerConfig::parse(&url).unwrap().with_tls(tls).with_username(producer.as_str());
    let session = Session::connect(config, Purpose::Producer).await.expect("the certificate is the login");
    support::submit(&session, "by certificate").await;
    let (_worker, mut feed) = site.feed().await;
    let delivery = support::next(&mut feed).await;
    assert_eq!(delivery.user_id(), Some(producer.as_str()), "the broker verified the certificate's name");
    delivery.settle(valet_broker::Disposition::Ack).await.unwrap();

    let bare = connect(&url, Some((producer, site.password(Role::Producer))), ours.trusted()).await;
    assert!(bare.is_err(), "this listener wants a certificate");
    let (cert, key) = Authority::new("other").issue(producer, &[], ExtendedKeyUsagePurpose::ClientAuth);
    let forged =
        TlsConfig { client_cert_pem: Some(cert), client_key_pem: Some(key.into()), ..ours.trusted() };
    assert!(connect(&url, None, forged).await.is_err(), "not from the broker's authority");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn heavy_the_management_api_trusts_the_given_authority_alone() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let folder = Folder::new("tls-management");
    let port = Port::reserve();
    let file = |name: &str| folder.join(name).display().to_string();
    let lines = vec![
        "management.ssl.ip = 127.0.0.1".to_owned(),
        format!("management.ssl.port = {}", port.number()),
        format!("management.ssl.cacertfile = {}", file("ca.pem")),
        format!("management.ssl.certfile = {}", file("cert.pem")),
        format!("management.ssl.keyfile = {}", file("key.pem")),
    ];
    let broker = start(&ours, &folder, false, lines);
    let site = Site::on(&broker, quick()).await;
    let url = format!("https://localhost:{}", port.number());
    let api = |tls: &TlsConfig| {
        Management::new(&url, broker.username(), Password::from(broker.password()), &site.vhost, tls).unwrap()
    };
    assert_eq!(api(&ours.trusted()).check(&site.topology, Some(&site.names)).await.unwrap(), vec![]);
    api(&ours.trusted()).provision(&site.names, Existing::Keep).await.unwrap();
    assert!(api(&other.trusted()).version().await.is_err());
    assert!(api(&TlsConfig::default()).version().await.is_err());
}
