//! Bad input: one clear line, exit status 1, and nothing changed.

use std::fs;

use flynn_mock::ServerAge;
use flynn_tls::Time;
use flynn_tls::generate::Ca;

use crate::program::{productionize, real_arguments};
use crate::world::{World, files_under};

/// A broken input, the text that the error must contain, and the text that it must not contain.
struct Case {
    name: &'static str,
    says: &'static [&'static str],
    spoil: fn(&World, &mut Vec<String>),
}

const CASES: &[Case] = &[
    Case {
        name: "a certificate without the wildcard",
        says: &["certificate.pem", "*.new.example.com"],
        spoil: |world, _| issue(world, &["new.example.com"]),
    },
    Case {
        name: "a certificate without the apex",
        says: &["certificate.pem", "new.example.com"],
        spoil: |world, _| issue(world, &["*.new.example.com"]),
    },
    Case {
        name: "a certificate with another key",
        says: &["certificate.pem", "key"],
        spoil: |world, _| {
            let other = Ca::new("x").unwrap().issue(&["new.example.com"]).unwrap();
            world.demo.write("certificate.key", &other.key_pem()).unwrap();
        },
    },
    Case {
        name: "an expired certificate",
        says: &["certificate.pem", "expired"],
        spoil: |world, _| {
            let leaf = Ca::new("x").unwrap();
            let leaf = leaf.leaf(&["new.example.com", "*.new.example.com"]);
            let (from, to) = (Time::now().plus_days(-100), Time::now().plus_days(-10));
            let issued = leaf.valid(from, to).issue().unwrap();
            world.demo.write("certificate.pem", &issued.chain_pem()).unwrap();
            world.demo.write("certificate.key", &issued.key_pem()).unwrap();
        },
    },
    Case {
        name: "a certificate that is not PEM",
        says: &["certificate.pem", "PEM"],
        spoil: |world, _| world.demo.write("certificate.pem", "hello\n").unwrap(),
    },
    Case {
        name: "a key that is no text",
        says: &["certificate.key", "PEM"],
        spoil: |world, _| fs::write(world.path("certificate.key"), [0xff, 0xfe, 0x00]).unwrap(),
    },
    Case {
        name: "the key in place of the certificate",
        says: &["certificate.pem", "key"],
        spoil: |world, _| {
            let key = world.read("certificate.key");
            world.demo.write("certificate.pem", &key).unwrap();
        },
    },
    Case {
        name: "no certificate file",
        says: &["certificate.pem", "cannot read"],
        spoil: |world, _| fs::remove_file(world.path("certificate.pem")).unwrap(),
    },
    Case {
        name: "no .flynnrc",
        says: &[".flynnrc"],
        spoil: |world, _| fs::remove_file(world.path(".flynnrc")).unwrap(),
    },
    Case {
        name: "a .flynnrc that is not TOML",
        says: &[".flynnrc: line 14, column 42"],
        spoil: |world, _| {
            let text = world.read(".flynnrc");
            let key = format!("Key = \"{}\"", world.demo.mock.key());
            world.demo.write(".flynnrc", &text.replace(&key, &key[..key.len() - 1])).unwrap();
        },
    },
    Case {
        name: "a cluster that is not in .flynnrc",
        says: &["nosuch"],
        spoil: |_, arguments| "nosuch".clone_into(&mut arguments[1]),
    },
    Case {
        name: "a controller that nobody reaches",
        says: &["cannot reach", "https://controller.old.example.com"],
        spoil: |world, arguments| {
            // A port that was free a moment ago.
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            *arguments.last_mut().unwrap() = address.to_string();
            let port = world.demo.mock.addr().port().to_string();
            in_flynnrc(world, &format!(":{port}"), &format!(":{}", address.port()));
        },
    },
    Case {
        name: "a new domain that DNS does not know",
        says: &["controller.new.example.com", "--connect-to"],
        spoil: |_, arguments| arguments.truncate(arguments.len() - 2),
    },
    Case {
        name: "a wrong key",
        says: &["401", "production"],
        spoil: |world, _| in_flynnrc(world, world.demo.mock.key(), "0123456789abcdef"),
    },
    Case {
        name: "a pin that is not base64",
        says: &["TLSPin", "production"],
        spoil: |world, _| in_flynnrc(world, &world.demo.mock.pin().to_string(), "not a pin"),
    },
    Case {
        name: "a pin that is not 32 bytes",
        says: &["TLSPin", "32"],
        spoil: |world, _| in_flynnrc(world, &world.demo.mock.pin().to_string(), "AAAA"),
    },
    Case {
        name: "another server's pin",
        says: &["not who .flynnrc says", "mc47PfOhOMCKTsOxiHqvQ5vIuytHSETeWB/eVzGcL/o="],
        spoil: |world, _| {
            let pin = world.demo.mock.pin().to_string();
            in_flynnrc(world, &pin, "mc47PfOhOMCKTsOxiHqvQ5vIuytHSETeWB/eVzGcL/o=");
        },
    },
    Case {
        name: "a .gitconfig that git refuses",
        says: &[".gitconfig", "line"],
        spoil: |world, _| world.demo.write(".gitconfig", "[user]\n\tname = \"broken\n").unwrap(),
    },
    Case {
        name: "a .gitconfig that git is at work on",
        says: &[".gitconfig.lock", "remove"],
        spoil: |world, _| world.demo.write(".gitconfig.lock", "").unwrap(),
    },
    Case {
        name: "a bucket that cannot be one",
        says: &["bucket", "My_Bucket"],
        spoil: |_, arguments| {
            arguments.extend(["--bucket", "My_Bucket", "--region", "eu-west-1"].map(str::to_owned));
        },
    },
    Case {
        name: "a node in a private network",
        says: &["10.0.0.1", "private"],
        spoil: |_, arguments| arguments.extend(["--node-ip", "10.0.0.1"].map(str::to_owned)),
    },
    Case {
        name: "a domain with a port",
        says: &["--domain", "port"],
        spoil: |_, arguments| "new.example.com:8443".clone_into(&mut arguments[3]),
    },
    Case {
        name: "an option that does not exist",
        says: &["--nonsense"],
        spoil: |_, arguments| arguments.push("--nonsense".to_owned()),
    },
];

fn issue(world: &World, names: &[&str]) {
    let issued = Ca::new("x").unwrap().issue(names).unwrap();
    world.demo.write("certificate.pem", &issued.chain_pem()).unwrap();
    world.demo.write("certificate.key", &issued.key_pem()).unwrap();
}

fn in_flynnrc(world: &World, from: &str, to: &str) {
    let text = world.read(".flynnrc");
    assert!(text.contains(from));
    world.demo.write(".flynnrc", &text.replace(from, to)).unwrap();
}

#[tokio::test]
async fn bad_input_is_refused_and_changes_nothing() {
    for case in CASES {
        let world = World::new(ServerAge::V2016).await;
        let mut arguments = real_arguments(&world);
        (case.spoil)(&world, &mut arguments);
        let files = files_under(world.demo.home());
        let output = productionize(world.demo.home(), &arguments);
        let line = String::from_utf8(output.stderr).unwrap();
        let name = case.name;
        assert_eq!(output.status.code(), Some(1), "{name}: {line}");
        assert_eq!(line.lines().count(), 1, "{name}: {line}");
        assert!(output.stdout.is_empty(), "{name}: {}", String::from_utf8_lossy(&output.stdout));
        for says in case.says {
            assert!(line.contains(says), "{name} does not say {says:?}: {line}");
        }
        assert!(!line.contains(&world.demo.mock.key()[..12]), "{name} shows the key: {line}");
        assert!(!line.contains("PRIVATE"), "{name}: {line}");
        assert!(!line.contains("OtherError"), "{name} shows the insides of an error: {line}");
        assert_eq!(world.changes(), Vec::<String>::new(), "{name}");
        assert!(files_under(world.demo.home()) == files, "{name} changed a file");
    }
}
