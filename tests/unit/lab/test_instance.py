"""Names, addresses and configuration of lab instances."""

import errno
import socket
import tomllib
from pathlib import Path

import pytest

from appliance.config.binds import Bind
from appliance.config.dump import dump
from appliance.config.load import parse_config
from appliance.lab import advice, configuration, preflight
from appliance.lab.instance import Instance
from dataplane.base.errors import ConfigurationError, InvalidInputError
from dataplane.policy import load_policy_file


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
    assert config.api.bind == (f"{instance.address}:9999",)
    assert "iface=outside" in config.ports.outside.device
    assert "iface=inside" in config.ports.inside.device


def test_what_is_written_reads_back_the_same():
    tables = configuration.compose(Instance(), "tcp", None)
    assert tomllib.loads(dump(tables)) == tables


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
    with pytest.raises(ConfigurationError, match=r"mine\.toml"):
        configuration.compose(Instance(), None, file)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("dataplane = 3", r"mine\.toml: dataplane"),
        ("node = 1", r"mine\.toml: node"),
        ("[ports]\noutside = 5", r"mine\.toml: ports\.outside"),
        ("[ports.outside]\ndevice = 5", r"mine\.toml: ports\.outside\.device = 5"),
        ('[dataplane]\nlcores = "x"', r"mine\.toml: dataplane\.lcores"),
        ("[dataplane]\nbogus = 3", r"mine\.toml: dataplane\.bogus = 3: is not a known key"),
    ],
)
def test_a_mistake_of_any_shape_is_named_with_its_key(tmp_path, text, named):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=named):
        configuration.compose(Instance(), None, file)


def test_a_policy_file_that_is_not_there_is_named_before_anything_is_built(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('[policy]\nfile = "rules.toml"\n')
    with pytest.raises(InvalidInputError, match=r"rules\.toml can't be read"):
        configuration.compose(Instance(), None, file)


def test_the_copy_of_a_policy_keeps_its_format(tmp_path, monkeypatch):
    monkeypatch.setattr("appliance.lab.instance.LABS", tmp_path)
    instance = Instance()
    instance.directory.mkdir()
    file = tmp_path / "mine.toml"
    file.write_text('[policy]\nfile = "rules.json"\n')
    (tmp_path / "rules.json").write_text('{"name": "mine", "rules": []}')
    tables = configuration.compose(instance, None, file)
    configuration.write(instance, tables, file)
    written = tomllib.loads(instance.config_file.read_text())
    assert load_policy_file(Path(written["policy"]["file"])).name == "mine"


def test_an_address_of_another_host_is_not_called_in_use():
    assert preflight.bind_error(Bind.parse("192.0.2.1:9999")) == errno.EADDRNOTAVAIL


def test_a_taken_port_is_told_from_a_free_one():
    with socket.create_server(("127.0.0.1", 0)) as server:
        bind = Bind.parse(f"127.0.0.1:{server.getsockname()[1]}")
        assert preflight.bind_error(bind) == errno.EADDRINUSE
    assert preflight.bind_error(bind) == 0


def test_advice_can_be_typed_in_the_source_tree(monkeypatch):
    monkeypatch.setattr("sys.prefix", f"{Path.cwd()}/.venv")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert advice.stop(Instance()) == "sudo .venv/bin/secbeat lab down"
    assert advice.stop(Instance("x")) == "sudo .venv/bin/secbeat lab down --instance x"
