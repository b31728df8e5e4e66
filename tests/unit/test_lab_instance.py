"""Names, addresses and configuration of lab instances."""

import tomllib

import pytest

from appliance.config.load import parse_config
from appliance.lab import configuration
from appliance.lab.commands import LabError
from appliance.lab.instance import Instance
from dataplane.errors import InvalidInputError


def test_default_instance_has_the_documented_names():
    instance = Instance()
    assert instance.namespaces.all() == ("sb-client", "sb-node", "sb-origin")
    assert instance.address == "127.0.0.1"


def test_other_instances_share_nothing_with_the_default_one():
    default, other = Instance(), Instance("other")
    assert not set(default.namespaces.all()) & set(other.namespaces.all())
    assert other.address.startswith("127.0.")
    assert other.address != default.address
    assert other.directory != default.directory


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "-a", "a b", "x" * 25])
def test_a_name_that_could_leave_its_directory_or_be_an_option_is_refused(name):
    with pytest.raises(InvalidInputError, match="instance name"):
        Instance(name)


def test_defaults_are_a_valid_configuration():
    instance = Instance("other")
    tables = configuration.compose(instance, None, None)
    config = parse_config(tables, instance.config_file)
    assert config.api.bind == f"{instance.address}:9999"
    assert "iface=outside" in config.ports.outside.device
    assert "iface=inside" in config.ports.inside.device


def test_what_is_written_reads_back_the_same():
    tables = configuration.compose(Instance(), "tcp", None)
    assert tomllib.loads(configuration.dump(tables)) == tables


def test_the_users_file_lies_over_the_defaults_but_paths_stay_the_labs(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(
        '[node]\nmode = "l7"\nstate_dir = "/var/lib/secbeat"\n'
        '[ports.outside]\ndevice = "net_af_xdp0,iface=outside"\n[dataplane]\nlcores = 2\n'
    )
    tables = configuration.compose(Instance(), "syn", file)
    assert tables["node"]["mode"] == "syn"
    assert tables["node"]["state_dir"] == str(Instance().directory)
    assert tables["dataplane"] == {
        "lcores": 2,
        "hugepages": "auto",
        "mbufs": 16384,
        "memory_mib": 128,
        "user": "secbeat-dp",
    }
    assert tables["ports"]["outside"] == {"device": "net_af_xdp0,iface=outside", "mtu": 1500}
    assert "qpairs=2" in tables["ports"]["inside"]["device"]


@pytest.mark.parametrize("text", ["not toml", '\udcff = "x"'])
def test_an_unreadable_file_is_named(tmp_path, text):
    file = tmp_path / "mine.toml"
    file.write_text(text, errors="surrogateescape")
    with pytest.raises(LabError, match=r"mine\.toml"):
        configuration.compose(Instance(), None, file)
