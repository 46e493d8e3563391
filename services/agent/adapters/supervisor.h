// The process that keeps the serving agent alive; with no other init it is the
// init as well.
#pragma once

namespace banger::agent {

// Signals that PID 1 understands when it is ours.
inline constexpr int kPowerOffSignal = 12;  // SIGUSR2, as busybox's init has it

// Starts `/run/banger/agent --serve` and starts it again whenever it ends, for
// ever. Reaps every orphan. As PID 1 it also powers off at SIGUSR2 or SIGTERM
// and reboots at SIGINT (Ctrl-Alt-Del); beside systemd it ends when that shuts
// down. Single-threaded; returns never.
[[noreturn]] void Supervise();

// Ends all processes, flushes and unmounts all file systems and switches the
// machine off (or resets it). For PID 1.
[[noreturn]] void ShutDown(bool reboot);

}  // namespace banger::agent
