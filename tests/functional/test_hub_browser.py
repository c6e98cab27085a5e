"""The hub's pages in a browser: nothing in a repository runs, and what people do works."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from csgrepo.server import Hub
from tests import machine
from tests.conftest import Account

selenium = pytest.importorskip("selenium")

from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.expected_conditions import staleness_of  # noqa: E402
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--window-size=1200,900",
    "--lang=en",
)
ATTACK = """# 攻击
<script>document.title = "owned"</script>
<img src="x" onerror="document.title = 'owned'">
<svg onload="document.title = 'owned'"></svg>
[click](javascript:document.title='owned')
![far](http://localhost:{port}/far.png)
<b onclick="document.title='owned'">**中文**</b>
"""


@pytest.fixture
def browser() -> Iterator[webdriver.Chrome]:
    """Chromium without a window, with a profile of its own."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        machine.lacking("Chromium and its driver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # Its socket's path must be short, which a test's own folder is not.
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as folder:
        for option in (*OPTIONS, f"--user-data-dir={folder}/profile"):
            options.add_argument(option)
        service = webdriver.ChromeService(driver, env={**os.environ, "TMPDIR": folder})
        started = webdriver.Chrome(options, service)
        try:
            started.set_page_load_timeout(60)
            started.implicitly_wait(60)  # for what is looked for to be there
            yield started
        finally:
            started.quit()


def create(hub: Hub, account: Account, readme: str, **more: object) -> str:
    """Make a repository with that README; return its page."""
    headers = {"Authorization": f"Bearer {account.token}"}
    url = f"{hub.url}/api/v1/models"
    made = requests.post(url, json={"name": "shown", **more}, headers=headers, timeout=30)
    assert made.status_code == 200
    git = hub.git_dir(f"{account.name}/shown")
    commit(git, {"README.md": readme.encode(), '"><img src=x onerror=a()>.txt': "文本".encode()})
    return f"{hub.url}/models/{account.name}/shown"


def commit(git_dir: Path, files: dict[str, bytes]) -> None:
    parts = [
        b"commit refs/heads/main\ncommitter W <w@x> now\ndata 4\nmore\nfrom refs/heads/main^0\n"
    ]
    for name, content in files.items():
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        parts.append(
            f'M 100644 inline "{quoted}"\ndata {len(content)}\n'.encode() + content + b"\n"
        )
    subprocess.run(
        ["git", "--git-dir", git_dir, "fast-import", "--quiet", "--date-format=now"],
        input=b"".join(parts),
        check=True,
        timeout=60,
    )


def test_nothing_in_a_repository_runs_or_calls_elsewhere(hub, account, browser):
    page = create(hub, account, ATTACK.format(port=hub.port), description="<script>1</script>")
    browser.get(page)
    assert "shown" in browser.title
    assert "攻击" in browser.find_element(By.CSS_SELECTOR, ".readme h1").text
    browser.find_element(By.CSS_SELECTOR, ".readme b").click()
    follow(browser, By.PARTIAL_LINK_TEXT, "onerror")
    assert "文本" in browser.find_element(By.CSS_SELECTOR, "pre.text").text
    assert "owned" not in browser.title
    # Whatever had got into the page, the browser was told not to run it.
    browser.get(page)
    browser.execute_script(
        "const s = document.createElement('script'); s.textContent = \"document.title = 'owned'\";"
        "document.body.append(s)"
    )
    assert "owned" not in browser.title
    WebDriverWait(browser, 60).until(
        lambda browser: "Content Security Policy" in str(browser.get_log("browser"))
    )
    asked = [request.path for request in hub.requests if "far.png" in request.path]
    assert asked == []


def test_the_style_applies_and_a_click_selects_a_whole_command(hub, account, browser):
    page = create(hub, account, "# 中文\n")
    browser.get(page)
    assert not [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]
    width = browser.find_element(By.TAG_NAME, "aside").size["width"]
    assert 200 < width < 400  # beside the files, not below them
    command = browser.find_element(By.CSS_SELECTOR, "pre.command")
    command.click()
    selected = browser.execute_script("return String(getSelection())")
    assert selected.strip() == f"git clone {page}.git"


def follow(browser, by, what):
    """Click something that leads to another page, and wait until this one has gone."""
    page = browser.find_element(By.TAG_NAME, "html")
    browser.find_element(by, what).click()
    WebDriverWait(browser, 60).until(staleness_of(page))


def test_people_find_search_and_walk_with_links_alone(hub, account, browser):
    create(hub, account, "see [it](docs/x.md)", description="给人看的页面")
    browser.get(hub.url)
    browser.find_element(By.NAME, "search").send_keys(account.name)
    follow(browser, By.TAG_NAME, "button")
    follow(browser, By.LINK_TEXT, f"{account.name}/shown")
    assert "给人看的页面" in browser.find_element(By.TAG_NAME, "main").text
    follow(browser, By.LINK_TEXT, "Commits")
    follow(browser, By.LINK_TEXT, "more")
    assert "README.md" in browser.find_element(By.TAG_NAME, "main").text
    follow(browser, By.LINK_TEXT, "Branches")
    follow(browser, By.LINK_TEXT, "main")
    assert browser.find_elements(By.CSS_SELECTOR, ".readme")


def test_signing_in_shows_what_is_private(hub, account, browser):
    page = create(hub, account, "# 秘密", private=True)
    browser.get(page)
    assert "Not found" in browser.find_element(By.TAG_NAME, "h1").text
    signed = f"http://{account.name}:{account.token}@127.0.0.1:{hub.port}"
    browser.get(f"{signed}/login")  # as typed into the browser's own question
    browser.get(hub.url)
    follow(browser, By.LINK_TEXT, f"{account.name}/shown")
    assert "秘密" in browser.find_element(By.CSS_SELECTOR, ".readme").text
