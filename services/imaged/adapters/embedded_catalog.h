#pragma once

namespace banger::imaged {

// catalog.json as it was when this program was built.
extern const char kEmbeddedCatalog[];

}  // namespace banger::imaged
