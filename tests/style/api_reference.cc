#include "tests/style/api_reference.h"

#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace banger::style {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;
using google::protobuf::SourceLocation;

constexpr char kHead[] = R"(# The API

Made from `proto/` by `style_test`; do not edit. [automation.md](automation.md) says how to call it, [remote.md](remote.md)
what the roles are. Beside these the gateway serves `grpc.health.v1.Health` and `grpc.reflection.v1` and `v1alpha` to everybody.

Fields that are not set have their type's zero; what an empty one means stands with it. Errors carry a
`google.rpc.ErrorInfo` whose `reason` is the word in capitals.
)";

// What Markdown would take for markup.
std::string Escape(const std::string& text) {
  return absl::StrReplaceAll(text, {{"<", "&lt;"}, {"*", "\\*"}, {"|", "\\|"}});
}

// Line by line.
template <typename Element>
std::string CommentOf(const Element& element) {
  SourceLocation location;
  if (!element.GetSourceLocation(&location)) return "";
  std::vector<std::string> lines =
      absl::StrSplit(location.leading_comments + location.trailing_comments, '\n');
  for (std::string& line : lines)
    if (absl::StartsWith(line, " ")) line.erase(0, 1);
  return Escape(std::string(absl::StripAsciiWhitespace(absl::StrJoin(lines, "\n"))));
}

// In a cell of a table.
template <typename Element>
std::string CellOf(const Element& element) {
  return absl::StrReplaceAll(CommentOf(element), {{"\n\n", "<br>"}, {"\n", " "}});
}

std::string Paragraph(const std::string& text) { return text.empty() ? "" : absl::StrCat("\n", text, "\n"); }

bool IsOurs(const std::string& full_name) { return absl::StartsWith(full_name, "banger."); }

// As GitHub makes them of headings.
std::string Link(const std::string& name, const std::string& full_name) {
  if (!IsOurs(full_name)) return absl::StrCat("`", full_name, "`");
  return absl::StrCat("[", name, "](#", absl::AsciiStrToLower(absl::StrReplaceAll(full_name, {{".", ""}})),
                      ")");
}

std::string SingleType(const FieldDescriptor& field) {
  if (const Descriptor* message = field.message_type()) return Link(message->name(), message->full_name());
  if (const EnumDescriptor* type = field.enum_type()) return Link(type->name(), type->full_name());
  return field.type_name();
}

std::string TypeOf(const FieldDescriptor& field) {
  if (field.is_map())
    return absl::StrCat("map of ", SingleType(*field.message_type()->field(0)), " to ",
                        SingleType(*field.message_type()->field(1)));
  if (field.is_repeated()) return absl::StrCat("repeated ", SingleType(field));
  if (const auto* oneof = field.real_containing_oneof())
    return absl::StrCat(SingleType(field), ", one of ", oneof->name());
  return absl::StrCat(field.has_optional_keyword() ? "optional " : "", SingleType(field));
}

class Writer {
 public:
  std::string Write(const std::vector<ServedMethod>& methods) {
    for (const ServedMethod& served : methods) WriteMethod(served);
    absl::StrAppend(&text_, "\n## Messages\n");
    // What a message needs may need more.
    while (!wanted_.empty()) {
      const auto next = wanted_.begin();
      const Descriptor& message = *next->second;
      wanted_.erase(next);
      sections_[message.full_name()] = MessageSection(message);
    }
    for (const auto& [name, section] : sections_) text_ += section;
    return kHead + text_;
  }

 private:
  void WriteMethod(const ServedMethod& served) {
    const MethodDescriptor& method = *served.method;
    const ServiceDescriptor& service = *method.service();
    if (service_ != &service) {
      service_ = &service;
      absl::StrAppend(&text_, "\n## ", service.full_name(), "\n", Paragraph(CommentOf(service)));
    }
    absl::StrAppend(&text_, "\n### ", service.name(), ".", method.name(), "\n\n`",
                    method.client_streaming() ? "stream " : "", method.input_type()->name(), "` → `",
                    method.server_streaming() ? "stream " : "", method.output_type()->name(), "`, for ",
                    served.role == "none" ? "everybody" : absl::StrCat("the role ", served.role), "\n",
                    Paragraph(CommentOf(method)));
    for (const Descriptor* message : {method.input_type(), method.output_type()})
      absl::StrAppend(&text_, "\n", message->name(),
                      message->field_count() == 0 ? " has no fields.\n" : ":\n",
                      Paragraph(CommentOf(*message)), Fields(*message));
  }

  std::string MessageSection(const Descriptor& message) {
    return absl::StrCat("\n### ", message.full_name(), "\n", Paragraph(CommentOf(message)), Fields(message));
  }

  std::string Fields(const Descriptor& message) {
    if (message.field_count() == 0) return "";
    std::string table = "\n| field | type | |\n|---|---|---|\n";
    for (int i = 0; i < message.field_count(); ++i) {
      const FieldDescriptor& field = *message.field(i);
      Want(field);
      absl::StrAppend(&table, "| `", field.name(), "` | ", TypeOf(field), " | ", CellOf(field), " |\n");
    }
    return table;
  }

  void Want(const FieldDescriptor& field) {
    if (field.is_map()) return Want(*field.message_type()->field(1));
    if (const EnumDescriptor* type = field.enum_type(); type != nullptr && IsOurs(type->full_name()))
      sections_[type->full_name()] = EnumSection(*type);
    const Descriptor* message = field.message_type();
    if (message == nullptr || !IsOurs(message->full_name()) || sections_.contains(message->full_name()))
      return;
    wanted_[message->full_name()] = message;
  }

  static std::string EnumSection(const EnumDescriptor& type) {
    std::string table = "\n| value | |\n|---|---|\n";
    for (int i = 0; i < type.value_count(); ++i)
      absl::StrAppend(&table, "| `", type.value(i)->name(), "` | ", CellOf(*type.value(i)), " |\n");
    return absl::StrCat("\n### ", type.full_name(), "\n", Paragraph(CommentOf(type)), table);
  }

  std::string text_;
  const ServiceDescriptor* service_ = nullptr;
  std::map<std::string, const Descriptor*> wanted_;
  std::map<std::string, std::string> sections_;
};

}  // namespace

std::string ApiReference(const std::vector<ServedMethod>& methods) { return Writer().Write(methods); }

}  // namespace banger::style
