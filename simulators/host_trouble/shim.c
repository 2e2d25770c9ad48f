/* Troubles of one process's host, by a file that its tormentor writes: a wrong clock, and a disk that does not do.
 *
 * HARKARA_HOST_FILE  32 bytes: clock shift in ns (8), disk mode (4), delay of a disk's answer in ms (4), rest unused;
 *                    little-endian as the machine, read at each call
 * HARKARA_HOST_DISK  folder whose files are on that disk (a prefix of absolute paths)
 *
 * Only CLOCK_REALTIME shifts: time since boot goes on, as on a host whose clock is set.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { FINE, FAILING, READ_ONLY, FULL, SLOW };
struct trouble { volatile int64_t shift_ns; volatile int32_t disk, delay_ms; };
static struct trouble nothing;
static struct trouble *now = &nothing;
static const char *disk;
static size_t disk_length;

#define REAL(result, name, ...) static result (*real_##name)(__VA_ARGS__)
REAL(int, clock_gettime, clockid_t, struct timespec *);
REAL(int, open, const char *, int, ...);
REAL(int, openat, int, const char *, int, ...);
REAL(ssize_t, read, int, void *, size_t);
REAL(ssize_t, pread64, int, void *, size_t, off64_t);
REAL(ssize_t, write, int, const void *, size_t);
REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
REAL(ssize_t, writev, int, const struct iovec *, int);
REAL(int, fsync, int);
REAL(int, fdatasync, int);
REAL(int, ftruncate, int, off64_t);
REAL(int, rename, const char *, const char *);
REAL(int, unlink, const char *);
REAL(int, mkdir, const char *, mode_t);

__attribute__((constructor)) static void start(void) {
    real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    real_open = dlsym(RTLD_NEXT, "open64");
    real_openat = dlsym(RTLD_NEXT, "openat64");
    real_read = dlsym(RTLD_NEXT, "read");
    real_pread64 = dlsym(RTLD_NEXT, "pread64");
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite64 = dlsym(RTLD_NEXT, "pwrite64");
    real_writev = dlsym(RTLD_NEXT, "writev");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_rename = dlsym(RTLD_NEXT, "rename");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    real_mkdir = dlsym(RTLD_NEXT, "mkdir");
    disk = getenv("HARKARA_HOST_DISK");
    disk_length = disk ? strlen(disk) : 0;
    const char *file = getenv("HARKARA_HOST_FILE");
    int fd = file ? real_open(file, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *shared = mmap(NULL, 32, PROT_READ, MAP_SHARED, fd, 0);
    if (shared != MAP_FAILED) now = shared;
    close(fd);
}

/* Libraries that are set up before this one call into it too. */
#define READY() do { if (!real_mkdir) start(); } while (0)

/* Time */

static int shifts(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE; }

int clock_gettime(clockid_t clock, struct timespec *at) {
    READY();
    int done = real_clock_gettime(clock, at);
    int64_t shift = now->shift_ns;
    if (done || !shift || !shifts(clock)) return done;
    int64_t ns = (int64_t)at->tv_sec * 1000000000 + at->tv_nsec + shift;
    at->tv_sec = ns / 1000000000;
    at->tv_nsec = ns % 1000000000;
    return 0;
}

int gettimeofday(struct timeval *at, void *zone) {
    struct timespec exact;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    at->tv_sec = exact.tv_sec;
    at->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (at) *at = exact.tv_sec;
    return exact.tv_sec;
}

/* Disk */

static int on_disk(const char *path) {
    char full[PATH_MAX];
    if (!disk) return 0;
    if (path[0] != '/') {
        if (!getcwd(full, sizeof full) || strlen(full) + strlen(path) + 2 > sizeof full) return 0;
        strcat(strcat(full, "/"), path);
        path = full;
    }
    return !strncmp(path, disk, disk_length) && (path[disk_length] == '/' || !path[disk_length]);
}

static int file_on_disk(int fd) {
    char link[32], path[PATH_MAX];
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    errno = before;
    if (size <= 0) return 0;
    path[size] = 0;
    return on_disk(path);
}

static void linger(void) {
    struct timespec pause = {now->delay_ms / 1000, now->delay_ms % 1000 * 1000000L};
    nanosleep(&pause, NULL);
}

/* Whether a change of what is on the disk fails; sets errno. */
static int refused(int is_there) {
    int mode = now->disk;
    if (mode == FINE || !is_there) return 0;
    if (mode == SLOW) {
        linger();
        return 0;
    }
    if (mode == FULL) return 0;
    errno = mode == READ_ONLY ? EROFS : EIO;
    return 1;
}

static int troubled(int fd) { return now->disk != FINE && file_on_disk(fd); }

static int no_room(int fd, off64_t end) {
    struct stat64 info;
    if (now->disk != FULL || fstat64(fd, &info) || end <= info.st_size) return 0;
    errno = ENOSPC;
    return 1;
}

static off64_t place_of(int fd) {
    return lseek64(fd, 0, (fcntl(fd, F_GETFL) & O_APPEND) ? SEEK_END : SEEK_CUR);
}

static int do_open(int at, const char *path, int flags, mode_t mode) {
    READY();
    int changes = flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC);
    if (now->disk != FINE && changes && at == AT_FDCWD && on_disk(path)) {
        if (now->disk == READ_ONLY) {
            /* As the kernel: a file that is there may be opened, to be read. */
            errno = EROFS;
            return -1;
        }
        if (refused(1)) return -1;
    }
    return at == AT_FDCWD ? real_open(path, flags, mode) : real_openat(at, path, flags, mode);
}

#define MODE(flags, mode) mode_t mode = 0; if (flags & (O_CREAT | O_TMPFILE)) { va_list list; va_start(list, flags); mode = va_arg(list, mode_t); va_end(list); }
int open(const char *path, int flags, ...) { MODE(flags, mode) return do_open(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags, mode) return do_open(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags, mode) return do_open(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags, mode) return do_open(at, path, flags, mode); }

ssize_t read(int fd, void *data, size_t size) {
    READY();
    if (now->disk == FAILING && file_on_disk(fd)) { errno = EIO; return -1; }
    return real_read(fd, data, size);
}
ssize_t pread64(int fd, void *data, size_t size, off64_t offset) {
    READY();
    if (now->disk == FAILING && file_on_disk(fd)) { errno = EIO; return -1; }
    return real_pread64(fd, data, size, offset);
}
ssize_t pread(int fd, void *data, size_t size, off_t offset) { return pread64(fd, data, size, offset); }

ssize_t write(int fd, const void *data, size_t size) {
    READY();
    if (troubled(fd) && (refused(1) || no_room(fd, place_of(fd) + (off64_t)size))) return -1;
    return real_write(fd, data, size);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    if (troubled(fd) && (refused(1) || no_room(fd, offset + (off64_t)size))) return -1;
    return real_pwrite64(fd, data, size, offset);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) { return pwrite64(fd, data, size, offset); }
ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (troubled(fd) && (refused(1) || no_room(fd, place_of(fd) + 1))) return -1;
    return real_writev(fd, parts, count);
}

int fsync(int fd) { return troubled(fd) && refused(1) ? -1 : real_fsync(fd); }
int fdatasync(int fd) { return troubled(fd) && refused(1) ? -1 : real_fdatasync(fd); }
int ftruncate64(int fd, off64_t size) { return troubled(fd) && refused(1) ? -1 : real_ftruncate(fd, size); }
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }
int rename(const char *from, const char *to) { return refused(on_disk(to)) ? -1 : real_rename(from, to); }
int unlink(const char *path) { return refused(on_disk(path)) ? -1 : real_unlink(path); }
int mkdir(const char *path, mode_t mode) { return refused(on_disk(path)) ? -1 : real_mkdir(path, mode); }
