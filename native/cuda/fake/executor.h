// Executor: the thread that runs what streams were given. One step at a time, of a stream chosen by
// chance (settings.seed) among those whose next step may run; an operation has two steps, its begin
// and its end, so operations of different streams overlap.
#pragma once

namespace pega::cuda::fake {

// Once a process.
void StartExecutor();

}  // namespace pega::cuda::fake
