// The web console in a real browser, with a real VM.
#include "common/testing/browser.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/shared_instance.h"

namespace banger::e2e {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class WebTest : public SharedInstanceTest {
 protected:
  static void SetUpTestSuite() { StartInstance({.config = "web_listen_addr = \"127.0.0.1:0\"\n"}); }

  static std::string Url() {
    const CommandResult url = Run({"web"});
    EXPECT_EQ(url.status.code, 0) << url.err;
    return url.out.substr(0, url.out.find('\n'));
  }

  void Open(const std::string& url) {
    auto browser = Browser::Start();
    ASSERT_OK(browser);
    browser_.emplace(*std::move(browser));
    ASSERT_OK(browser_->Open(url));
  }

  bool AwaitState(const std::string& state) {
    return browser_->Await("document.querySelector('#vms tr[data-vm=box]')?.dataset.state === '" + state +
                           "'");
  }
  bool AwaitText(const std::string& id, const std::string& part) {
    return browser_->Await("document.getElementById('" + id + "').textContent.includes(" + json(part).dump() +
                           ")");
  }
  std::string Text(const std::string& id) {
    const auto text = browser_->Evaluate("document.getElementById('" + id + "').textContent");
    return text.ok() ? text->dump() : text.status().ToString();
  }
  void TearDown() override {
    browser_.reset();
    Run({"vm", "delete", "--force", "box"});
  }
  // The VM's button of that name, once it is there.
  bool Click(const std::string& button) {
    return browser_->Await(
        "(() => { const found = [...document.querySelectorAll('#vms tr[data-vm=box] button')]"
        ".find((b) => b.textContent === '" +
        button + "'); found?.click(); return !!found; })()");
  }
  void Screenshot(const std::string& name) {
    EXPECT_OK(browser_->Screenshot(std::filesystem::path(BANGER_SCREENSHOTS) / name));
  }

  std::optional<Browser> browser_;
};

TEST_F(WebTest, AVmIsSeenUsedStoppedStartedAndDeleted) {
  const HostSnapshot before = instance_->Snapshot();
  ASSERT_TRUE(Succeeds({"vm", "create", "--name", "box", "--image", "mini"}));
  Open(Url());
  ASSERT_TRUE(AwaitState("running")) << Text("vms") << Text("notice") << Text("login-problem");
  const std::string address = Show("box")["address"];
  EXPECT_TRUE(AwaitText("vms", address.empty() ? "user network" : address)) << Text("vms");
  EXPECT_TRUE(AwaitText("images", "mini")) << Text("images");
  EXPECT_TRUE(AwaitText("kernels", "debian-6.1")) << Text("kernels");
  EXPECT_TRUE(browser_->Await("/[0-9] (MiB|GiB) of /.test(document.getElementById('vms').textContent)"))
      << Text("vms");

  ASSERT_TRUE(Click("Terminal"));
  ASSERT_TRUE(AwaitText("screen", "# ")) << Text("screen");
  ASSERT_OK(browser_->Type("echo $((6 * 7)) is it on $(hostname)\n"));
  EXPECT_TRUE(AwaitText("screen", "42 is it on box")) << Text("screen");
  ASSERT_OK(browser_->Type("stty size\n"));
  EXPECT_TRUE(AwaitText("screen", "24 1")) << Text("screen");
  Screenshot("console_terminal.png");
  EXPECT_OK(browser_->Look(420, /*dark=*/true));
  Screenshot("console_narrow_dark.png");
  EXPECT_OK(browser_->Look(1280, /*dark=*/false));
  ASSERT_OK(browser_->Type("exit 3\n"));
  EXPECT_TRUE(AwaitText("screen", "[the shell ended with 3]")) << Text("screen");

  ASSERT_TRUE(Click("Stop"));
  EXPECT_TRUE(AwaitState("stopped")) << Text("vms") << Text("notice");
  Screenshot("console_stopped.png");
  ASSERT_TRUE(Click("Start"));
  EXPECT_TRUE(AwaitState("running")) << Text("vms") << Text("notice");
  ASSERT_TRUE(Click("Delete"));
  EXPECT_TRUE(AwaitText("confirm-title", "Delete VM box?")) << Text("confirm-title");
  Screenshot("console_confirm.png");
  ASSERT_OK(browser_->Evaluate("document.getElementById('confirm-no').click()"));
  EXPECT_TRUE(AwaitState("running"));
  ASSERT_TRUE(Click("Delete"));
  ASSERT_OK(browser_->Evaluate("document.getElementById('confirm-yes').click()"));
  EXPECT_TRUE(AwaitText("vms", "There are no VMs.")) << Text("vms") << Text("notice");
  EXPECT_THAT(Run({"vm", "list"}).out, ::testing::Not(HasSubstr("box")));
  EXPECT_THAT(browser_->complaints(), IsEmpty());
  browser_.reset();
  EXPECT_TRUE(Eventually([&] { return instance_->Snapshot() == before; }))
      << Changes(before, instance_->Snapshot());
}

TEST_F(WebTest, AShellEndsWithThePage) {
  ASSERT_TRUE(Succeeds({"vm", "create", "--name", "box", "--image", "mini"}));
  Open(Url());
  ASSERT_TRUE(Click("Terminal"));
  ASSERT_TRUE(AwaitText("screen", "# ")) << Text("screen");
  ASSERT_OK(browser_->Type("sleep 4242\n"));
  const std::string sleeps = "ps | grep '[s]leep 4242'";
  EXPECT_TRUE(Eventually([&] { return !Exec("box", sleeps).empty(); }));
  browser_.reset();
  EXPECT_TRUE(Eventually([&] { return Exec("box", sleeps).empty(); })) << Exec("box", "ps");
}

TEST_F(WebTest, AUrlThatWasUsedOpensNothing) {
  const std::string url = Url();
  Open(url);
  ASSERT_TRUE(AwaitText("vms", "There are no VMs.")) << Text("notice");
  ASSERT_OK(browser_->Evaluate("document.getElementById('logout').click()"));
  ASSERT_TRUE(
      browser_->Await("document.readyState === 'complete' && !document.getElementById('login').hidden"));
  ASSERT_OK(browser_->Open(url));
  EXPECT_TRUE(AwaitText("login-problem", "this URL was used already, or is too old"))
      << Text("login-problem");
  Screenshot("console_login_refused.png");
}

}  // namespace
}  // namespace banger::e2e
