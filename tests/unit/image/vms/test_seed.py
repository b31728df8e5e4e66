"""Files of seed volumes."""

import json

from tests.image.support.peers.seed import Network, Written, cloud_init_files, plain_files

KEY = "ssh-ed25519 AAAA test"
TOML = '[management]\nnic = "nic:0"\n'
NETWORK = Network("52:54:00:00:01:00")


def test_cloud_init_gets_its_two_files_and_no_network_unless_asked_for():
    files = cloud_init_files("node-1", KEY, TOML)
    assert set(files) == {"user-data", "meta-data"}
    first, _, rest = files["user-data"].partition("\n")
    assert first == "#cloud-config"
    user_data = json.loads(rest)
    assert user_data["ssh_authorized_keys"] == [KEY]
    written = {"path": "/etc/secbeat/secbeat.toml", "content": TOML, "permissions": "0644"}
    assert user_data["write_files"] == [written]
    assert json.loads(files["meta-data"])["instance-id"] == "node-1"


def test_more_files_come_with_their_modes():
    more = [Written("/etc/credstore/token", "secret", "0600")]
    text = cloud_init_files("node-1", KEY, TOML, more=more)["user-data"]
    written = json.loads(text.partition("\n")[2])["write_files"]
    assert written[1] == {
        "path": "/etc/credstore/token",
        "content": "secret",
        "permissions": "0600",
    }


def test_cloud_inits_network_names_the_nic_by_its_mac():
    network = json.loads(cloud_init_files("node-1", KEY, TOML, NETWORK)["network-config"])
    (ethernet,) = network["ethernets"].values()
    assert ethernet["match"] == {"macaddress": NETWORK.mac}
    assert ethernet["addresses"] == [NETWORK.address]


def test_plain_files_are_ours_alone():
    assert plain_files(KEY, TOML) == {"authorized_keys": f"{KEY}\n", "secbeat.toml": TOML}
    network = plain_files(KEY, TOML, NETWORK)["10-management.network"]
    assert f"MACAddress={NETWORK.mac}\n" in network
    assert f"Address={NETWORK.address}\n" in network
