#include "tests/style/proto_rules.h"

#include <map>
#include <regex>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace banger::style {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;
using google::protobuf::SourceLocation;

// A handful, and what daemons ask each other, needs no pages.
const std::set<std::string> kUnpagedLists = {
    "banger.image.v1.ImageService.ListImageLeases", "banger.network.v1.NetworkService.ListEndpoints",
    "banger.system.v1.SystemService.ListDaemons", "banger.system.v1.SystemService.ListOperations"};

// Fields whose name says all: AIP-158's pages, AIP-148's standard names.
const std::set<std::string> kSpeakingFields = {"name", "page_token", "next_page_token", "create_time", "uid"};

class Checker {
 public:
  explicit Checker(const FileDescriptor& file) : file_(file) {}

  std::vector<std::string> Check() {
    CheckPackage();
    for (int i = 0; i < file_.service_count(); ++i) CheckService(*file_.service(i));
    for (int i = 0; i < file_.message_type_count(); ++i) CheckMessage(*file_.message_type(i));
    for (int i = 0; i < file_.enum_type_count(); ++i) CheckEnum(*file_.enum_type(i));
    return std::move(faults_);
  }

 private:
  template <typename Element>
  void Fault(const Element& element, const std::string& what) {
    SourceLocation location{};
    element.GetSourceLocation(&location);
    faults_.push_back(absl::StrCat("proto/", file_.name(), ":", location.start_line + 1, ": ",
                                   element.full_name(), ": ", what));
  }

  template <typename Element>
  bool HasComment(const Element& element) {
    SourceLocation location;
    return element.GetSourceLocation(&location) &&
           !absl::StripAsciiWhitespace(location.leading_comments + location.trailing_comments).empty();
  }

  template <typename Element>
  void WantComment(const Element& element) {
    if (!HasComment(element)) Fault(element, "no comment says what it means");
  }

  // banger.kernel.v1 in banger/kernel/v1/.
  void CheckPackage() {
    const std::string folder = file_.name().substr(0, file_.name().rfind('/'));
    const std::string wrong = absl::StrCat("proto/", file_.name(), ": package ", file_.package(), " ");
    if (absl::StrReplaceAll(file_.package(), {{".", "/"}}) != folder)
      faults_.push_back(absl::StrCat(wrong, "is not its folder"));
    if (!std::regex_match(file_.package(), std::regex(R"(banger\.[a-z]+\.v[1-9][0-9]*)")))
      faults_.push_back(absl::StrCat(wrong, "is not banger.NAME.vN"));
  }

  void CheckService(const ServiceDescriptor& service) {
    WantComment(service);
    if (!service.name().ends_with("Service")) Fault(service, "is not called ...Service");
    if (file_.service_count() > 1) Fault(service, "is not alone in its file");
    for (int i = 0; i < service.method_count(); ++i) CheckMethod(*service.method(i));
  }

  void CheckMethod(const MethodDescriptor& method) {
    if (method.input_type()->name() != method.name() + "Request")
      Fault(method, absl::StrCat("takes no ", method.name(), "Request"));
    if (method.output_type()->name() != method.name() + "Response")
      Fault(method, absl::StrCat("gives no ", method.name(), "Response"));
    // Get and List mean what AIP-131 and AIP-132 say.
    const bool standard = method.name().starts_with("Get") || method.name().starts_with("List");
    if (!standard) WantComment(method);
    if (standard && method.client_streaming()) Fault(method, "a read takes one request");
    if (method.name().starts_with("List") && !kUnpagedLists.contains(method.full_name())) CheckPages(method);
  }

  void CheckPages(const MethodDescriptor& method) {
    if (method.input_type()->FindFieldByName("page_size") == nullptr ||
        method.input_type()->FindFieldByName("page_token") == nullptr ||
        method.output_type()->FindFieldByName("next_page_token") == nullptr)
      Fault(method, "has no page_size, page_token and next_page_token");
  }

  void CheckMessage(const Descriptor& message) {
    if (message.options().map_entry()) return;
    const bool of_method = message.name().ends_with("Request") || message.name().ends_with("Response");
    if (!of_method && message.containing_type() == nullptr) WantComment(message);
    if (!std::regex_match(message.name(), std::regex("([A-Z][a-z0-9]+)+")))
      Fault(message, "is not in CamelCase");
    for (int i = 0; i < message.field_count(); ++i) CheckField(*message.field(i));
    for (int i = 0; i < message.nested_type_count(); ++i) CheckMessage(*message.nested_type(i));
    for (int i = 0; i < message.enum_type_count(); ++i) CheckEnum(*message.enum_type(i));
  }

  void CheckField(const FieldDescriptor& field) {
    if (!std::regex_match(field.name(), std::regex("[a-z][a-z0-9]*(_[a-z0-9]+)*")))
      Fault(field, "is not in lower_snake_case");
    // A number says its unit, in its name or in a comment.
    const bool number = field.cpp_type() != FieldDescriptor::CPPTYPE_STRING &&
                        field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE &&
                        field.cpp_type() != FieldDescriptor::CPPTYPE_ENUM &&
                        field.cpp_type() != FieldDescriptor::CPPTYPE_BOOL;
    const bool unit = std::regex_search(
        field.name(),
        std::regex("(_bytes|_mib|_seconds|_ms|_count|_size|_code|_lines|vcpu|pid|rows|columns)$"));
    if (number && !unit && !kSpeakingFields.contains(field.name())) WantComment(field);
  }

  void CheckEnum(const EnumDescriptor& type) {
    WantComment(type);
    std::string prefix;
    for (const char c : type.name())
      absl::StrAppend(&prefix,
                      absl::ascii_isupper(static_cast<unsigned char>(c)) && !prefix.empty() ? "_" : "",
                      std::string(1, absl::ascii_toupper(static_cast<unsigned char>(c))));
    prefix += "_";
    for (int i = 0; i < type.value_count(); ++i)
      if (!type.value(i)->name().starts_with(prefix)) Fault(*type.value(i), "does not start with " + prefix);
    if (type.value(0)->number() != 0 || type.value(0)->name() != prefix + "UNSPECIFIED")
      Fault(type, "has no " + prefix + "UNSPECIFIED = 0");
  }

  const FileDescriptor& file_;
  std::vector<std::string> faults_;
};

}  // namespace

std::vector<std::string> ProtoFaults(const FileDescriptor& file) { return Checker(file).Check(); }

}  // namespace banger::style
