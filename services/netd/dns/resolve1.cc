#include "services/netd/dns/resolve1.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::netd::dns {
namespace {

constexpr char kName[] = "org.freedesktop.resolve1";
constexpr char kPath[] = "/org/freedesktop/resolve1";
constexpr char kManager[] = "org.freedesktop.resolve1.Manager";
constexpr char kBus[] = "org.freedesktop.DBus";
constexpr std::uint64_t kTimeoutUsec = 2'000'000;

struct Message {
  sd_bus_message* message = nullptr;
  ~Message() { ::sd_bus_message_unref(message); }
};

struct Error {
  sd_bus_error error = SD_BUS_ERROR_NULL;
  ~Error() { ::sd_bus_error_free(&error); }
  std::string Text(int code) const {
    return error.message != nullptr ? error.message : ErrnoError(-code, "D-Bus").ToString();
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<Resolve1>> Resolve1::Connect(const std::string& address) {
  std::unique_ptr<Resolve1> connection(new Resolve1());
  sd_bus* bus = nullptr;
  int code = 0;
  if (address.empty()) {
    code = ::sd_bus_open_system(&bus);
    connection->bus_.reset(bus);
  } else {
    code = ::sd_bus_new(&bus);
    connection->bus_.reset(bus);
    if (code >= 0) code = ::sd_bus_set_address(bus, address.c_str());
    if (code >= 0) code = ::sd_bus_set_bus_client(bus, 1);
    if (code >= 0) code = ::sd_bus_start(bus);
  }
  if (code < 0) return absl::UnavailableError(ErrnoError(-code, "connect to D-Bus").message());
  ::sd_bus_set_method_call_timeout(bus, kTimeoutUsec);
  const std::string match = absl::StrCat("type='signal',sender='", kBus, "',interface='", kBus,
                                         "',member='NameOwnerChanged',arg0='", kName, "'");
  code = ::sd_bus_add_match(bus, nullptr, match.c_str(), OnOwnerChanged, connection.get());
  if (code < 0) return absl::UnavailableError(ErrnoError(-code, "listen to D-Bus").message());
  BANGER_RETURN_IF_ERROR(connection->FindOwner());
  return connection;
}

int Resolve1::OnOwnerChanged(sd_bus_message* message, void* self, sd_bus_error*) {
  const char* name = nullptr;
  const char* before = nullptr;
  const char* now = nullptr;
  if (::sd_bus_message_read(message, "sss", &name, &before, &now) >= 0)
    static_cast<Resolve1*>(self)->owner_ = now;
  return 0;
}

absl::Status Resolve1::FindOwner() {
  Error error;
  Message reply;
  const int code = ::sd_bus_call_method(bus_.get(), kBus, "/org/freedesktop/DBus", kBus, "GetNameOwner",
                                        &error.error, &reply.message, "s", kName);
  const char* owner = nullptr;
  if (code >= 0 && ::sd_bus_message_read(reply.message, "s", &owner) >= 0) owner_ = owner;
  if (code < 0 && ::sd_bus_error_has_name(&error.error, SD_BUS_ERROR_NAME_HAS_NO_OWNER) == 0)
    return absl::UnavailableError(absl::StrCat("ask D-Bus for systemd-resolved: ", error.Text(code)));
  return absl::OkStatus();
}

absl::Status Resolve1::Process() {
  int code = 0;
  do {
    code = ::sd_bus_process(bus_.get(), nullptr);
  } while (code > 0);
  return code < 0 ? absl::UnavailableError(ErrnoError(-code, "read from D-Bus").message()) : absl::OkStatus();
}

template <typename... Arguments>
absl::Status Resolve1::Call(const char* method, const char* types, Arguments... arguments) {
  Error error;
  Message reply;
  // To the process that runs, not to the name, which would start one.
  const int code = ::sd_bus_call_method(bus_.get(), owner_.c_str(), kPath, kManager, method, &error.error,
                                        &reply.message, types, arguments...);
  if (code >= 0) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("systemd-resolved, ", method, ": ", error.Text(code)));
}

absl::Status Resolve1::RouteDomains(int link, Ipv4 server, const std::vector<std::string>& domains) {
  const std::uint32_t b = server.bits();
  BANGER_RETURN_IF_ERROR(
      Call("SetLinkDNS", "ia(iay)", link, 1, AF_INET, 4, b >> 24, b >> 16 & 255, b >> 8 & 255, b & 255));
  Message message;
  int code = ::sd_bus_message_new_method_call(bus_.get(), &message.message, owner_.c_str(), kPath, kManager,
                                              "SetLinkDomains");
  if (code >= 0) code = ::sd_bus_message_append(message.message, "i", link);
  if (code >= 0) code = ::sd_bus_message_open_container(message.message, 'a', "(sb)");
  for (const std::string& domain : domains)
    if (code >= 0) code = ::sd_bus_message_append(message.message, "(sb)", domain.c_str(), 1);
  if (code >= 0) code = ::sd_bus_message_close_container(message.message);
  Error error;
  if (code >= 0) code = ::sd_bus_call(bus_.get(), message.message, kTimeoutUsec, &error.error, nullptr);
  if (code < 0)
    return absl::UnavailableError(absl::StrCat("systemd-resolved, SetLinkDomains: ", error.Text(code)));
  return Call("SetLinkDefaultRoute", "ib", link, 0);
}

absl::Status Resolve1::Revert(int link) { return Call("RevertLink", "i", link); }

}  // namespace banger::netd::dns
