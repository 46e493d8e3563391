#pragma once

namespace banger::kerneld {

// catalog.json as it was when this program was built.
extern const char kEmbeddedCatalog[];

}  // namespace banger::kerneld
