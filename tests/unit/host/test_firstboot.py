"""`secbeat host firstboot`: identity, seed volume, account; once, and again after a failure."""

from __future__ import annotations

import shutil
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from appliance.commands import TIMEOUT_S, run
from appliance.host.files import HostError
from appliance.host.firstboot.identity import CERTIFICATE, KEY, NODE_ID
from appliance.host.firstboot.run import DONE, NO_CLOUD_INIT, NO_CLOUD_INIT_EVER, first_boot
from tests.support.fakes.fake_host import FakeHost
from tests.support.fakes.fake_kernel import FakeKernel, FakeTools

CONFIGURATION = "/etc/secbeat/secbeat.toml"
KEYS = "/home/admin/.ssh/authorized_keys"
TOML = '[ports.outside]\ndevice = "nic:1"\n[ports.inside]\ndevice = "nic:2"\n'
SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== somebody\n"
OPEN = ("passwd", "--quiet", "--delete", "--expire", "admin")


@dataclass
class Tools(FakeTools):
    """The tools of a first boot, as far as files go; a volume is a directory."""

    root: Path = Path()
    volume: Path = Path()
    mounted: list[Path] = field(default_factory=list)

    def __call__(self, *command: str, timeout_s: float = TIMEOUT_S) -> str:
        answer = super().__call__(*command, timeout_s=timeout_s)
        if command[0] == "ssh-keygen":
            Path(command[-1]).write_text("private")
            Path(command[-1]).with_suffix(".pub").write_text("public")
        elif command[0] == "openssl":
            return run(*command)
        elif command[0] == "mount":
            self.mounted.append(Path(command[-1]))
            shutil.copytree(self.volume, command[-1], dirs_exist_ok=True, symlinks=True)
        elif command[0] == "umount":
            place = self.mounted.pop()
            shutil.rmtree(place)
            place.mkdir()
        elif command[0] == "useradd":
            with (self.root / "etc/passwd").open("a") as file:
                file.write("admin:x:1000:1000::/home/admin:/bin/bash\n")
        return answer


@pytest.fixture
def tools(fake: FakeHost, tmp_path: Path) -> Tools:
    (tmp_path / "volume").mkdir()
    return Tools(root=fake.root, volume=tmp_path / "volume")


@pytest.fixture
def seed(fake: FakeHost, tools: Tools) -> Path:
    """An empty volume labelled CIDATA."""
    fake.write("/dev/disk/by-label/CIDATA")
    return tools.volume


def boot(kernel: FakeKernel, tools: Tools) -> list[str]:
    return first_boot(kernel, tools, image=True)


def complaints(kernel: FakeKernel, tools: Tools) -> list[str]:
    with pytest.raises(HostError) as caught:
        boot(kernel, tools)
    return str(caught.value).splitlines()


def mode(kernel: FakeKernel, path: str) -> int:
    return kernel.path(path).stat().st_mode & 0o777


def test_every_host_gets_an_id_and_a_certificate(kernel: FakeKernel, tools: Tools) -> None:
    first_boot(kernel, tools, image=False)
    assert uuid.UUID(kernel.text(NODE_ID) or "").version == 4
    assert (mode(kernel, CERTIFICATE), mode(kernel, KEY)) == (0o644, 0o600)
    assert {command[0] for command in tools.ran} == {"openssl"}, "the rest is the image's"
    assert kernel.exists(DONE)


def test_the_certificate_names_the_node_and_fits_its_key(kernel: FakeKernel, tools: Tools) -> None:
    first_boot(kernel, tools, image=False)
    certificate = ("openssl", "x509", "-noout", "-in", str(kernel.path(CERTIFICATE)))
    # One form that OpenSSL 3.0 and 3.5 agree on.
    subject = run(*certificate, "-subject", "-nameopt", "RFC2253").strip()
    assert subject == f"subject=CN={kernel.text(NODE_ID)},O=SecBeat"
    shown = run(*certificate, "-text")
    assert "DNS:secbeat, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1" in shown
    assert "TLS Web Server Authentication" in shown
    public = run("openssl", "x509", "-noout", "-pubkey", "-in", str(kernel.path(CERTIFICATE)))
    assert run("openssl", "pkey", "-pubout", "-in", str(kernel.path(KEY))) == public


def test_host_keys_are_made_and_private(kernel: FakeKernel, tools: Tools) -> None:
    boot(kernel, tools)
    for kind in ("ed25519", "ecdsa"):
        assert mode(kernel, f"/etc/ssh/ssh_host_{kind}_key") == 0o600
        assert mode(kernel, f"/etc/ssh/ssh_host_{kind}_key.pub") == 0o644


def test_no_key_stays_anywhere_else(kernel: FakeKernel, tools: Tools) -> None:
    boot(kernel, tools)
    found = [path for path in kernel.root.rglob("*") if path.is_file()]
    private = {path for path in found if b"PRIVATE KEY" in path.read_bytes()}
    assert private == {kernel.path(KEY)}
    assert list(kernel.path("/run").glob(".secbeat-*")) == []


def test_a_second_boot_changes_nothing(kernel: FakeKernel, tools: Tools, seed: Path) -> None:
    (seed / "secbeat.toml").write_text(TOML)
    boot(kernel, tools)
    before = {path: path.read_bytes() for path in kernel.root.rglob("*") if path.is_file()}
    tools.ran.clear()
    (seed / "secbeat.toml").write_text(TOML + "[api]\n")
    assert boot(kernel, tools) == []
    assert tools.ran == []
    assert {p: p.read_bytes() for p in kernel.root.rglob("*") if p.is_file()} == before


def test_what_is_missing_later_is_made_again_but_no_account_opened(
    kernel: FakeKernel, tools: Tools
) -> None:
    boot(kernel, tools)
    tools.ran.clear()
    kernel.remove("/etc/ssh/ssh_host_ecdsa_key")
    kernel.remove(CERTIFICATE)
    assert boot(kernel, tools) == [
        f"certificate in {CERTIFICATE}",
        "host key /etc/ssh/ssh_host_ecdsa_key",
    ]
    assert OPEN not in tools.ran


@pytest.mark.parametrize("path", [NODE_ID, "/etc/ssh/ssh_host_ed25519_key", CERTIFICATE])
def test_a_file_that_a_power_loss_left_empty_is_made_again(
    fake: FakeHost, kernel: FakeKernel, tools: Tools, path: str
) -> None:
    fake.write(path)
    boot(kernel, tools)
    assert kernel.text(path)


def test_the_operators_certificate_is_left_alone(
    fake: FakeHost, kernel: FakeKernel, tools: Tools
) -> None:
    fake.write(CERTIFICATE, "theirs")
    assert f"key of {CERTIFICATE}: {KEY} is not there" in complaints(kernel, tools)[0]
    fake.write(KEY, "theirs too")
    boot(kernel, tools)
    assert (kernel.text(CERTIFICATE), kernel.text(KEY)) == ("theirs", "theirs too")


def test_without_a_volume_the_console_account_is_opened(kernel: FakeKernel, tools: Tools) -> None:
    boot(kernel, tools)
    made = [command for command in tools.ran if command[0] in ("useradd", "passwd")]
    assert made[0][:5] == ("useradd", "--create-home", "--shell", "/bin/bash", "--groups")
    assert made[1:] == [OPEN]
    assert not kernel.exists(NO_CLOUD_INIT)
    assert tools.ran[0] == ("udevadm", "settle", "--timeout=30"), "or a volume is overlooked"


def test_a_volume_with_keys_gives_them_to_a_locked_account(
    kernel: FakeKernel, tools: Tools, seed: Path
) -> None:
    (seed / "authorized_keys").write_text("# ours\n" + SSH_KEY)
    boot(kernel, tools)
    assert OPEN not in tools.ran
    assert SSH_KEY.strip() in (kernel.text(KEYS) or "")
    assert kernel.given == {
        KEYS: (1000, 1000, 0o600),
        "/home/admin/.ssh": (1000, 1000, 0o700),
    }


def test_a_volume_is_mounted_read_only_and_let_go(
    kernel: FakeKernel, tools: Tools, seed: Path
) -> None:
    boot(kernel, tools)
    mount = next(command for command in tools.ran if command[0] == "mount")
    place = str(kernel.path("/run/secbeat-seed"))
    device = "/dev/disk/by-label/CIDATA"
    assert mount == ("mount", "-o", "ro,nosuid,nodev,noexec", device, place)
    assert ("umount", place) in tools.ran
    assert not kernel.exists("/run/secbeat-seed")


def test_a_volume_brings_configuration_policy_and_network(
    fake: FakeHost, kernel: FakeKernel, tools: Tools, seed: Path
) -> None:
    fake.write(CONFIGURATION, "the image's")
    (seed / "secbeat.toml").write_text(TOML + '[policy]\nfile = "policy.toml"\n')
    (seed / "policy.toml").write_text("version = 1\n")
    (seed / "10-management.network").write_text("[Match]\n")
    (seed / "README").write_text("not ours")
    boot(kernel, tools)
    assert (kernel.text(CONFIGURATION) or "").startswith("[ports.outside]")
    assert kernel.text("/etc/secbeat/policy.toml") == "version = 1"
    assert kernel.text("/etc/systemd/network/10-management.network") == "[Match]"
    assert OPEN in tools.ran, "without keys the console is the way in"


def test_cloud_init_keeps_off_a_volume_that_is_ours_alone(
    fake: FakeHost, kernel: FakeKernel, tools: Tools, seed: Path
) -> None:
    fake.write("/etc/cloud/cloud.cfg")
    boot(kernel, tools)
    assert kernel.exists(NO_CLOUD_INIT)
    assert kernel.exists(NO_CLOUD_INIT_EVER)


@pytest.mark.parametrize("name", ["user-data", "meta-data"])
def test_where_cloud_init_has_a_seed_accounts_are_its_business(
    fake: FakeHost, kernel: FakeKernel, tools: Tools, seed: Path, name: str
) -> None:
    fake.write("/etc/cloud/cloud.cfg")
    (seed / name).write_text("#cloud-config\n")
    (seed / "secbeat.toml").write_text(TOML)
    boot(kernel, tools)
    assert not {"useradd", "passwd"} & {command[0] for command in tools.ran}
    assert not kernel.exists(NO_CLOUD_INIT)
    assert not kernel.exists(NO_CLOUD_INIT_EVER)
    assert kernel.text(CONFIGURATION) == TOML.strip()


def test_a_wrong_configuration_is_told_line_by_line_and_the_rest_is_done(
    fake: FakeHost, kernel: FakeKernel, tools: Tools, seed: Path
) -> None:
    fake.write(CONFIGURATION, "the image's")
    (seed / "secbeat.toml").write_text(TOML + "[dataplane]\nlcores = 99\nmbufs = true\n")
    (seed / "authorized_keys").write_text(SSH_KEY)
    lines = complaints(kernel, tools)
    assert len(lines) == 2
    assert lines[0] == ("volume CIDATA: secbeat.toml: dataplane.lcores = 99: must be at most 16")
    assert kernel.text(CONFIGURATION) == "the image's"
    assert kernel.exists(KEYS), "somebody must be able to log in and look"
    assert kernel.exists(NODE_ID)
    assert not kernel.exists(DONE), "the next boot tries again"
    (seed / "secbeat.toml").write_text(TOML)
    boot(kernel, tools)
    assert kernel.text(CONFIGURATION) == TOML.strip()
    assert kernel.exists(DONE)


def test_bad_keys_do_not_open_the_account(kernel: FakeKernel, tools: Tools, seed: Path) -> None:
    (seed / "authorized_keys").write_text("# none\n\n")
    assert complaints(kernel, tools) == ["volume CIDATA: authorized_keys has no key in it"]
    assert OPEN not in tools.ran


@pytest.mark.parametrize("tool", ["mount", "udevadm"])
def test_a_volume_that_can_not_be_read_opens_nothing_and_is_told(
    kernel: FakeKernel, tools: Tools, seed: Path, tool: str
) -> None:
    tools.fails.add(tool)
    assert complaints(kernel, tools)[0].startswith(f"volume CIDATA: '{tool} ")
    assert OPEN not in tools.ran
    assert not kernel.exists(DONE)


def test_a_link_on_the_volume_is_not_followed(kernel: FakeKernel, tools: Tools, seed: Path) -> None:
    (seed / "policy.toml").symlink_to("/etc/hostname")
    assert complaints(kernel, tools) == [
        "volume CIDATA: policy.toml can't be read: Too many levels of symbolic links"
    ]


def test_what_is_no_file_or_too_large_is_refused(
    kernel: FakeKernel, tools: Tools, seed: Path
) -> None:
    (seed / "policy.toml").mkdir()
    (seed / "a.network").write_bytes(b"x" * ((1 << 20) + 1))
    assert complaints(kernel, tools) == [
        "volume CIDATA: policy.toml is no file",
        "volume CIDATA: a.network is larger than 1048576 bytes",
    ]


def test_a_network_file_has_a_plain_name_and_there_are_not_too_many(
    kernel: FakeKernel, tools: Tools, seed: Path
) -> None:
    (seed / "a b.network").write_text("")
    assert "'a b.network' is no name" in complaints(kernel, tools)[0]
    (seed / "a b.network").unlink()
    for number in range(65):
        (seed / f"{number}.network").write_text("")
    assert complaints(kernel, tools) == ["volume CIDATA: 65 .network files; at most 64"]


@pytest.mark.parametrize("tool", ["openssl", "ssh-keygen", "useradd", "passwd"])
def test_a_tool_that_fails_leaves_the_boot_unfinished_and_is_told(
    kernel: FakeKernel, tools: Tools, tool: str
) -> None:
    tools.fails.add(tool)
    assert any(f"'{tool} " in line for line in complaints(kernel, tools))
    assert not kernel.exists(DONE)
    tools.fails.clear()
    boot(kernel, tools)
    assert kernel.exists(DONE)


def test_no_secret_is_in_what_is_said_or_kept(kernel: FakeKernel, tools: Tools) -> None:
    said = boot(kernel, tools)
    assert not [line for line in said if "PRIVATE" in line]
    assert "PRIVATE" not in (kernel.text(DONE) or "")
