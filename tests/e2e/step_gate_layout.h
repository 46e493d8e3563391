// Shared between the test and the preloaded library, which is C.
#pragma once

#define STEP_GATE_DIE 1
#define STEP_GATE_WAIT 2
#define STEP_GATE_FULL 3

// Every field is read and written with __atomic builtins.
struct step_gate {
  int armed;
  int count;
  int at;
  int action;
  int reached;
};
