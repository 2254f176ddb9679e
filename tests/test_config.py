"""Settings: what wins, what stops the start, and with which sentence."""

from pathlib import Path

import pytest

from desk.config import ROOT, BadSetting, Listen, Settings, load_settings

KEY = "k" * 40


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DESK_CONFIG", "DESK_SECRET_KEY", "DESK_DATABASE_URL", "DESK_DEMO"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DESK_INSTANCE", str(tmp_path))


def test_a_file_gives_settings_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "settings.py"
    file.write_text(f'SECRET_KEY = "{KEY}"\nSMTP_PORT = 2525\nMAIL_DOMAIN = "a.example"\n')
    monkeypatch.setenv("DESK_CONFIG", str(file))
    monkeypatch.setenv("DESK_MAIL_DOMAIN", "b.example")
    settings = load_settings()
    assert (settings.SMTP_PORT, settings.MAIL_DOMAIN) == (2525, "b.example")


def test_the_embedded_database_is_the_default(tmp_path: Path) -> None:
    settings = load_settings({"SECRET_KEY": KEY})
    assert settings.DATABASE_URL == f"sqlite:///{tmp_path / 'desk.db'}"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SECRET_KEY", "short", "SECRET_KEY must be set"),
        ("SECRET_KEY", "", "SECRET_KEY must be set"),
        ("SMTP_PORT", "many", "SMTP_PORT cannot be “many”"),
        ("DEMO", "perhaps", "DEMO cannot be “perhaps”"),
        ("LMTP_LISTEN", "8024", "LMTP_LISTEN cannot be “8024”"),
        ("BASE_URL", "desk.example", "BASE_URL must be an address"),
        ("BASE_URL", "https://desk.example/", "BASE_URL must be an address"),
        ("MAIL_DOMAIN", "desk@example.org", "MAIL_DOMAIN must be a domain"),
        ("SMTP_SECURITY", "maybe", "SMTP_SECURITY must be"),
        ("DATABASE_URL", "mysql://desk", "sqlite:/// and on postgresql+psycopg://"),
        ("DATABASE_URL", "nonsense", "DATABASE_URL cannot be read"),
        ("CLOCK_OFFSET_FILE", "offset", "CLOCK_OFFSET_FILE is for the demo"),
        ("TICK_SECONDS", "0", "TICK_SECONDS must be at least 1"),
        ("SMTP_PORT", "99999", "SMTP_PORT must be from 1 to 65535"),
        ("TRUSTED_PROXIES", "-1", "TRUSTED_PROXIES must be 0 or more"),
        ("ATTACHMENTS", "s3://bucket", "ATTACHMENTS must be a folder"),
    ],
)
def test_a_bad_setting_stops_the_start_with_a_sentence_that_names_it(name: str, value: str, said: str) -> None:
    with pytest.raises(BadSetting, match=said.replace("+", r"\+")):
        load_settings({"SECRET_KEY": KEY, "SMTP_SECURITY": "starttls", name: value})


def test_mail_leaves_unencrypted_only_on_this_machine() -> None:
    with pytest.raises(BadSetting, match="SMTP_SECURITY may be none only"):
        load_settings({"SECRET_KEY": KEY, "SMTP_SECURITY": "none", "SMTP_HOST": "relay.example"})
    assert load_settings({"SECRET_KEY": KEY, "SMTP_SECURITY": "none", "SMTP_HOST": "127.0.0.1"})


def test_a_misspelt_setting_in_the_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "settings.py"
    file.write_text('SECRET_KEI = "x"\n')
    monkeypatch.setenv("DESK_CONFIG", str(file))
    with pytest.raises(BadSetting, match="SECRET_KEI"):
        load_settings()


def test_the_demo_sends_nothing_off_the_machine_whatever_is_set() -> None:
    settings = load_settings({"DEMO": "yes", "SMTP_HOST": "relay.example", "SMTP_PORT": "25"})
    assert (settings.SMTP_HOST, settings.SMTP_PORT) == ("127.0.0.1", settings.DEMO_SINK_LISTEN.port)
    assert settings.SMTP_LISTEN == Listen("127.0.0.1", 8025)


def test_the_demo_keeps_its_own_key_readable_by_nobody_else(tmp_path: Path) -> None:
    first, second = load_settings({"DEMO": "yes"}), load_settings({"DEMO": "yes"})
    assert first.SECRET_KEY == second.SECRET_KEY
    assert (tmp_path / "secret-key").stat().st_mode & 0o777 == 0o600


def test_secrets_are_not_shown_when_settings_are_printed() -> None:
    assert KEY not in repr(load_settings({"SECRET_KEY": KEY}))


def test_the_example_names_every_setting_and_no_other() -> None:
    lines = (ROOT / "config.example.py").read_text().splitlines()
    named = {line.lstrip("# ").split(" = ")[0] for line in lines if " = " in line and line.lstrip("# ")[:1].isupper()}
    assert named == set(Settings.__dataclass_fields__) - {"TESTING"}


def test_a_misspelt_setting_in_the_environment_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DESK_SMTP_HOSTT", "relay.example")
    monkeypatch.setenv("DESK_REQUIRE", "browser")
    load_settings({"SECRET_KEY": KEY})
    (said,) = caplog.messages
    assert said.startswith("DESK_SMTP_HOSTT is set")
