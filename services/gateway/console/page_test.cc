// The page in a real browser, with VMs and images of somebody who means harm.
#include <condition_variable>
#include <functional>

#include "banger/image/v1/image_service.grpc.pb.h"
#include "common/testing/browser.h"
#include "services/gateway/testing/console_fixture.h"

namespace banger::gateway {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kEvil[] = "<img src=x onerror=\"window.harmed=1\"><script>window.harmed=1</script>\"'&lt;";

class EvilVmd final : public vm::v1::VmService::CallbackService {
 public:
  grpc::ServerWriteReactor<vm::v1::WatchVmsResponse>* WatchVms(grpc::CallbackServerContext* context,
                                                               const vm::v1::WatchVmsRequest*) override {
    const auto send = [](const rpc::Call& call, rpc::Writer<vm::v1::WatchVmsResponse>& out) -> absl::Status {
      vm::v1::WatchVmsResponse all;
      vm::v1::Vm& vm = *all.add_vms();
      vm.set_name(std::string("vms/") + kEvil);
      vm.set_uid("00ff00ff00ff");
      vm.set_state(vm::v1::Vm::STATE_RUNNING);
      vm.set_state_detail(kEvil);
      vm.set_image(std::string("images/") + kEvil);
      vm.set_address(kEvil);
      all.set_synced(true);
      out.Send(all);
      std::mutex mutex;
      std::unique_lock lock(mutex);
      std::condition_variable_any never;
      never.wait(lock, call.stop, [] { return false; });
      return absl::OkStatus();
    };
    return rpc::ServerStream<vm::v1::WatchVmsResponse>(workers_, context, send);
  }

  grpc::ServerUnaryReactor* GetVmStats(grpc::CallbackServerContext* context, const vm::v1::GetVmStatsRequest*,
                                       vm::v1::GetVmStatsResponse* response) override {
    return rpc::Unary(workers_, context, response,
                      [](const rpc::Call&) -> absl::StatusOr<vm::v1::GetVmStatsResponse> {
                        vm::v1::GetVmStatsResponse all;
                        vm::v1::VmStats& stats = *all.add_stats();
                        stats.set_uid("00ff00ff00ff");
                        stats.set_cpu_percent(42);
                        stats.mutable_host()->set_memory_bytes(3 << 20);
                        return all;
                      });
  }

  // Markup and every kind of control sequence, then whatever is typed.
  grpc::ServerBidiReactor<vm::v1::ExecVmRequest, vm::v1::ExecVmResponse>* ExecVm(
      grpc::CallbackServerContext* context) override {
    using Stream = rpc::Stream<vm::v1::ExecVmRequest, vm::v1::ExecVmResponse>;
    const auto echo = [](const rpc::Call&, Stream& stream) -> absl::Status {
      const auto print = [&stream](const std::string& text) {
        vm::v1::ExecVmResponse response;
        response.mutable_output()->set_stdout(text);
        return stream.Send(response);
      };
      stream.Read();
      print(absl::StrCat(kEvil, "\r\n\x1b]0;", kEvil,
                         "\x07\x1b[31;1mred\x1b[0m \xff\xfe\x1b[9999999999999Xend\r\n"));
      for (auto request = stream.Read(); request.has_value(); request = stream.Read())
        if (!print(request->input().stdin())) break;
      return absl::OkStatus();
    };
    return rpc::BidiStream<vm::v1::ExecVmRequest, vm::v1::ExecVmResponse>(workers_, context, echo);
  }

 private:
  WorkerPool workers_{8, 8};
};

class EvilImaged final : public image::v1::ImageService::CallbackService {
 public:
  grpc::ServerUnaryReactor* ListImages(grpc::CallbackServerContext* context,
                                       const image::v1::ListImagesRequest*,
                                       image::v1::ListImagesResponse* response) override {
    return rpc::Unary(
        workers_, context, response, [](const rpc::Call&) -> absl::StatusOr<image::v1::ListImagesResponse> {
          image::v1::ListImagesResponse page;
          image::v1::Image& image = *page.add_images();
          image.set_name(std::string("images/") + kEvil);
          for (std::string* text :
               {image.mutable_os(), image.mutable_source(), image.mutable_kernel(), image.mutable_digest()})
            *text = kEvil;
          return page;
        });
  }

 private:
  WorkerPool workers_{4, 4};
};

class PageTest : public ConsoleFixture {
 protected:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);
    GatewayTest::SetUp();
    vmd_ = Serve("vmd", evil_vmd_, self_);
    imaged_ = Serve("imaged", evil_imaged_, imaged_self_);
    ASSERT_TRUE(Eventually([this] { return VmdIsSeen(); }));
    ASSERT_OK_AND_ASSIGN(const std::string url, LoginUrl());
    auto browser = Browser::Start();
    ASSERT_OK(browser);
    browser_.emplace(*std::move(browser));
    ASSERT_OK(browser_->Open(url));
  }
  void TearDown() override {
    browser_.reset();
    imaged_.reset();
    GatewayTest::TearDown();
  }

  std::unique_ptr<rpc::Server> Serve(const std::string& daemon, grpc::Service& service,
                                     rpc::DaemonService& self) {
    auto server =
        rpc::Server::Start({.socket = paths_.Socket(daemon), .configure = [&](grpc::ServerBuilder& builder) {
                              builder.RegisterService(&service);
                              builder.RegisterService(&self);
                            }});
    EXPECT_OK(server);
    return server.ok() ? *std::move(server) : nullptr;
  }

  std::string Text(const std::string& id) {
    const auto text = browser_->Evaluate(absl::StrCat("document.getElementById('", id, "').textContent"));
    return text.ok() && text->is_string() ? text->get<std::string>() : text.status().ToString();
  }
  bool AwaitText(const std::string& id, const std::string& part) {
    return browser_->Await(
        absl::StrCat("document.getElementById('", id, "').textContent.includes(", json(part).dump(), ")"));
  }
  void Screenshot(const std::string& name) {
    EXPECT_OK(browser_->Screenshot(std::filesystem::path(BANGER_SCREENSHOTS) / name));
  }

  EvilVmd evil_vmd_;
  EvilImaged evil_imaged_;
  rpc::DaemonService imaged_self_{"imaged"};
  std::unique_ptr<rpc::Server> imaged_;
  std::optional<Browser> browser_;
};

TEST_F(PageTest, WhatOthersHaveNamedIsTextAndNeverMarkup) {
  ASSERT_TRUE(AwaitText("vms", kEvil)) << Text("vms");
  ASSERT_TRUE(AwaitText("images", kEvil)) << Text("images");
  EXPECT_TRUE(AwaitText("vms", "42 %")) << Text("vms");
  ASSERT_OK(browser_->Evaluate(
      "[...document.querySelectorAll('#vms button')].find((b) => b.textContent === 'Terminal').click()"));
  ASSERT_TRUE(AwaitText("screen", kEvil)) << Text("screen");
  EXPECT_TRUE(AwaitText("screen", "red \uFFFD\uFFFDend")) << Text("screen");
  ASSERT_OK(browser_->Type("typed & <b>echoed</b>"));
  EXPECT_TRUE(AwaitText("screen", "typed & <b>echoed</b>")) << Text("screen");
  ASSERT_OK(browser_->Evaluate(
      "[...document.querySelectorAll('#vms button')].find((b) => b.textContent === 'Delete').click()"));
  EXPECT_TRUE(AwaitText("confirm-title", kEvil)) << Text("confirm-title");
  Screenshot("console_hostile_names.png");

  EXPECT_EQ(browser_->Evaluate("window.harmed === undefined").value_or(false), true);
  EXPECT_EQ(
      browser_->Evaluate("document.querySelectorAll('main img, dialog img, iframe, b, body script').length")
          .value_or(-1),
      0);
  EXPECT_EQ(browser_->Evaluate("document.title").value_or(""), "banger");
  // Neither did the browser have to stop anything.
  EXPECT_THAT(browser_->complaints(), IsEmpty());
}

TEST_F(PageTest, NothingIsCutOffInANarrowWindowOrADarkOne) {
  ASSERT_TRUE(AwaitText("vms", "42 %")) << Text("vms");
  const auto fits = "document.documentElement.scrollWidth <= window.innerWidth";
  EXPECT_EQ(browser_->Evaluate(fits).value_or(false), true);
  ASSERT_OK(browser_->Look(380, /*dark=*/true));
  EXPECT_TRUE(browser_->Await("getComputedStyle(document.body).backgroundColor === 'rgb(20, 22, 26)'"));
  EXPECT_TRUE(browser_->Await(fits));
  Screenshot("console_narrow.png");
}

TEST_F(PageTest, WhatTheBrowserIsToldKeepsAScriptOutThatGotIn) {
  ASSERT_TRUE(AwaitText("vms", kEvil));
  EXPECT_THAT(browser_->Evaluate("document.body.innerHTML = '<b>x</b>'"),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("TrustedHTML")));
  const char* const elsewhere = "fetch('http://localhost:1/').then(() => 'went', (e) => e.name)";
  EXPECT_EQ(browser_->Evaluate(elsewhere).value_or(""), "TypeError");
  EXPECT_TRUE(Eventually([this] {
    browser_->Evaluate("0").IgnoreError();  // takes what the browser has to say
    return !browser_->complaints().empty();
  }));
  EXPECT_THAT(browser_->complaints(), ::testing::Contains(HasSubstr("Content Security Policy")));
  // No page sees the cookie.
  EXPECT_EQ(browser_->Evaluate("document.cookie").value_or("?"), "");
}

TEST_F(PageTest, TheLoginLeavesTheAddressAndAReloadStaysIn) {
  ASSERT_TRUE(AwaitText("vms", kEvil));
  EXPECT_EQ(browser_->Evaluate("location.hash + location.search").value_or("?"), "");
  EXPECT_TRUE(AwaitText("who", absl::StrCat("uid:", ::geteuid(), " (operator)"))) << Text("who");
  // What does not answer is said, and the rest is shown.
  EXPECT_TRUE(AwaitText("kernels", "kerneld is not running")) << Text("kernels");
  ASSERT_OK(browser_->Evaluate("location.reload()"));
  ASSERT_TRUE(
      browser_->Await("document.readyState === 'complete' && document.getElementById('vms') !== null"));
  EXPECT_TRUE(AwaitText("vms", kEvil));
  ASSERT_OK(browser_->Evaluate("document.getElementById('logout').click()"));
  EXPECT_TRUE(
      browser_->Await("document.readyState === 'complete' && !document.getElementById('login').hidden"));
  EXPECT_EQ(browser_->Evaluate("localStorage.length").value_or(-1), 0);
  Screenshot("console_login.png");
}

TEST_F(PageTest, AGatewayThatIsGoneIsSaid) {
  ASSERT_TRUE(AwaitText("vms", "42 %")) << Text("vms");
  parts_->OnShutdown();
  EXPECT_TRUE(AwaitText("notice", "the gateway does not answer")) << Text("notice");
  EXPECT_TRUE(AwaitText("vms", "42 %")) << Text("vms");
}

class ViewersPageTest : public PageTest {
 protected:
  ViewersPageTest() { role_ = "viewer"; }
};

TEST_F(ViewersPageTest, WhatTheRoleDoesNotAllowIsNotOffered) {
  ASSERT_TRUE(AwaitText("vms", "42 %")) << Text("vms");
  EXPECT_EQ(browser_->Evaluate("document.querySelectorAll('#vms button').length").value_or(-1), 0);
}

}  // namespace
}  // namespace banger::gateway
