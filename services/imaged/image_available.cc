// The part of the API about what the catalogs offer.
#include <string>
#include <utility>

#include "common/status/status_macros.h"
#include "services/imaged/convert.h"
#include "services/imaged/core/available_images.h"
#include "services/imaged/image_service.h"

namespace banger::imaged {
namespace v1 = ::banger::image::v1;

grpc::ServerUnaryReactor* ImageService::ListCatalogImages(grpc::CallbackServerContext* context,
                                                          const v1::ListCatalogImagesRequest* request,
                                                          v1::ListCatalogImagesResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const rpc::Call& call) -> absl::StatusOr<v1::ListCatalogImagesResponse> {
                      BANGER_ASSIGN_OR_RETURN(const std::string after, IdBefore(request->page_token()));
                      BANGER_ASSIGN_OR_RETURN(const std::size_t limit, PageSizeOf(request->page_size()));
                      BANGER_ASSIGN_OR_RETURN(const AvailableImages available,
                                              ListAvailable(available_, store_, call.stop));
                      v1::ListCatalogImagesResponse found;
                      std::string last;
                      for (const AvailableImage& image : available.images) {
                        if (image.entry.id <= after) continue;
                        if (found.images_size() == static_cast<int>(limit)) {
                          found.set_next_page_token(TokenAfter(last));
                          break;
                        }
                        *found.add_images() = ToProto(image);
                        last = image.entry.id;
                      }
                      if (after.empty())
                        for (const std::string& warning : available.warnings) found.add_warnings(warning);
                      return found;
                    });
}

}  // namespace banger::imaged
