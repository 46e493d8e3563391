// Loaded into a daemon by LD_PRELOAD; see step_gate.h.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/e2e/step_gate_layout.h"

static struct step_gate* gate;

static int Load(const int* field) { return __atomic_load_n(field, __ATOMIC_SEQ_CST); }

__attribute__((constructor)) static void OpenGate(void) {
  const char* file = getenv("BANGER_STEP_GATE");
  const char* program = getenv("BANGER_STEP_PROGRAM");
  char name[16] = "";
  prctl(PR_GET_NAME, name);
  // The daemon's own children, and what starts it, have the same environment.
  if (file == NULL || program == NULL || strcmp(name, program) != 0) return;
  const int fd = open(file, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void* mapped = mmap(NULL, sizeof *gate, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (mapped != MAP_FAILED) gate = mapped;
}

// Whether the call has to fail for want of room.
static int Step(int needs_room) {
  if (gate == NULL || !Load(&gate->armed)) return 0;
  const int step = __atomic_add_fetch(&gate->count, 1, __ATOMIC_SEQ_CST);
  const int at = Load(&gate->at);
  if (step < at) return 0;
  const int action = Load(&gate->action);
  if (action != STEP_GATE_FULL && step != at) return 0;
  __atomic_store_n(&gate->reached, 1, __ATOMIC_SEQ_CST);
  if (action == STEP_GATE_DIE) {
    kill(getpid(), SIGKILL);
    pause();
  }
  if (action == STEP_GATE_WAIT)
    while (Load(&gate->armed)) usleep(500);
  if (action != STEP_GATE_FULL || !needs_room) return 0;
  errno = ENOSPC;
  return 1;
}

#define WRAPPED(result, name, parameters, arguments, needs_room) \
  result name parameters {                                       \
    static result(*real) parameters;                             \
    if (real == NULL) *(void**)&real = dlsym(RTLD_NEXT, #name);  \
    if (Step(needs_room)) return -1;                             \
    return real arguments;                                       \
  }

WRAPPED(int, fsync, (int fd), (fd), 1)
WRAPPED(int, fdatasync, (int fd), (fd), 1)
WRAPPED(int, ftruncate, (int fd, off_t size), (fd, size), 1)
WRAPPED(int, ftruncate64, (int fd, off64_t size), (fd, size), 1)
// The store's pages.
WRAPPED(ssize_t, pwrite64, (int fd, const void* data, size_t size, off64_t at), (fd, data, size, at), 1)
WRAPPED(int, mkdir, (const char* path, mode_t mode), (path, mode), 1)
WRAPPED(int, rename, (const char* from, const char* to), (from, to), 1)
WRAPPED(int, unlink, (const char* path), (path), 0)
WRAPPED(int, unlinkat, (int fd, const char* path, int flags), (fd, path, flags), 0)
WRAPPED(int, rmdir, (const char* path), (path), 0)
