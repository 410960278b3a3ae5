// Makes every sync of a process slower, as a slower disk would. Loaded with LD_PRELOAD; SLOW_SYNC_MS says by how much.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static void wait_for_the_disk(void) {
  const char *text = getenv("SLOW_SYNC_MS");
  long milliseconds = text == NULL ? 0 : atol(text);
  struct timespec wait = {milliseconds / 1000, (milliseconds % 1000) * 1000000};
  if (milliseconds > 0) nanosleep(&wait, NULL);
}

int fsync(int descriptor) {
  int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  wait_for_the_disk();
  return next(descriptor);
}

int fdatasync(int descriptor) {
  int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  wait_for_the_disk();
  return next(descriptor);
}
