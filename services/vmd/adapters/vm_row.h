// A VM as a row of the store's table `vms`.
#pragma once

#include <string>

#include "services/vmd/adapters/sqlite.h"
#include "services/vmd/core/vm.h"

namespace banger::vmd {

// For SELECT: what ReadVm expects.
const std::string& VmColumns();

// Binds all of a VM.
SqliteStatement InsertVm(SqliteDatabase& db, const Vm& vm);
// All but uid, name, create time and touch time.
SqliteStatement UpdateVmRow(SqliteDatabase& db, const Vm& vm);
// What users set.
SqliteStatement UpdateVmSettings(SqliteDatabase& db, const Vm& vm);

// Values that cannot be read are as if they were not there.
Vm ReadVm(const SqliteStatement& row);

}  // namespace banger::vmd
