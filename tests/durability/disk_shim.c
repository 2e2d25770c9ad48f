/* Records what a process does to the files below one folder, and fails the n-th such call on demand.
 *
 * HARKARA_SHIM_DIR   folder watched (a prefix of absolute paths)
 * HARKARA_SHIM_LOG   record file, outside that folder
 * HARKARA_SHIM_FAIL  "n errno sticky": the n-th write, truncate or fsync (from 1) fails; sticky: all after it too
 *
 * HARKARA_SHIM_SWITCH  a file outside that folder. While it says "errno growth" every write that makes a file longer fails
 *                      with it, as on a full disk; "errno all": every write, truncate and fsync; "errno reads": reads too;
 *                      "errno once": the next read, which then removes the file
 *
 * Record: op(1) name_bytes(2) offset(8) data_bytes(4) name data, little-endian. Ops: W write, T truncate, S fsync of a
 * file, D fsync of a folder, C create, R rename (data: new name), U unlink.
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
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define FDS 4096
static char names[FDS][512];
static char kinds[FDS]; /* 0 not watched, 'f' file, 'd' folder */
static const char *folder;
static size_t folder_length;
static int log_fd = -1;
static long calls, fail_at;
static int fail_errno, fail_sticky;
static const char *switch_file;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static ssize_t (*real_pread)(int, void *, size_t, off64_t);
static int (*real_open)(const char *, int, ...);
static int (*real_openat)(int, const char *, int, ...);
static int (*real_close)(int);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off64_t);
static int (*real_rename)(const char *, const char *);
static int (*real_unlink)(const char *);

__attribute__((constructor)) static void start(void) {
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_pread = dlsym(RTLD_NEXT, "pread64");
    real_open = dlsym(RTLD_NEXT, "open64");
    real_openat = dlsym(RTLD_NEXT, "openat64");
    real_close = dlsym(RTLD_NEXT, "close");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_rename = dlsym(RTLD_NEXT, "rename");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    folder = getenv("HARKARA_SHIM_DIR");
    folder_length = folder ? strlen(folder) : 0;
    const char *log = getenv("HARKARA_SHIM_LOG");
    if (log) log_fd = real_open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    const char *fail = getenv("HARKARA_SHIM_FAIL");
    if (fail) sscanf(fail, "%ld %d %d", &fail_at, &fail_errno, &fail_sticky);
    switch_file = getenv("HARKARA_SHIM_SWITCH");
}

static void put(char op, const char *name, uint64_t offset, const void *data, uint32_t size) {
    if (log_fd < 0) return;
    uint16_t length = (uint16_t)strlen(name);
    char *record = malloc(15 + length + size);
    record[0] = op;
    memcpy(record + 1, &length, 2);
    memcpy(record + 3, &offset, 8);
    memcpy(record + 11, &size, 4);
    memcpy(record + 15, name, length);
    if (size) memcpy(record + 15 + length, data, size);
    if (real_write(log_fd, record, 15 + length + size) < 0) abort();
    free(record);
}

static int watched(const char *path) {
    return folder && !strncmp(path, folder, folder_length) && (path[folder_length] == '/' || !path[folder_length]);
}

enum { OFF, ONCE, GROWTH, ALL, READS };

/* What fails now. Sets errno. */
static int switched_on(void) {
    char text[32] = "";
    int error = 0;
    if (!switch_file) return 0;
    int fd = real_open(switch_file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t size = read(fd, text, sizeof text - 1);
    real_close(fd);
    if (size <= 0 || sscanf(text, "%d", &error) != 1) return 0;
    errno = error;
    if (strstr(text, "once")) return ONCE;
    return strstr(text, "reads") ? READS : strstr(text, "all") ? ALL : GROWTH;
}

static int fails(void) {
    long call = ++calls;
    if (switched_on() >= ALL) return 1;
    if (fail_at && (call == fail_at || (fail_sticky && call > fail_at))) {
        errno = fail_errno;
        return 1;
    }
    return 0;
}

static void remember(int fd, const char *path, int created) {
    struct stat64 info;
    if (fd < 0 || fd >= FDS || !watched(path) || fstat64(fd, &info)) return;
    kinds[fd] = S_ISDIR(info.st_mode) ? 'd' : 'f';
    snprintf(names[fd], sizeof names[fd], "%s", path);
    if (created) put('C', path, 0, NULL, 0);
}

static int do_open(int at, const char *path, int flags, mode_t mode) {
    char full[PATH_MAX];
    if (path[0] == '/') snprintf(full, sizeof full, "%s", path);
    else if (at == AT_FDCWD && getcwd(full, sizeof full - strlen(path) - 2)) strcat(strcat(full, "/"), path);
    else full[0] = 0;
    int created = (flags & O_CREAT) && access(full, F_OK) != 0;
    int fd = at == AT_FDCWD ? real_open(path, flags, mode) : real_openat(at, path, flags, mode);
    if (fd >= 0 && fd < FDS) kinds[fd] = 0;
    remember(fd, full, created);
    if (fd >= 0 && (flags & O_TRUNC) && !created && watched(full)) put('T', full, 0, NULL, 0);
    return fd;
}

#define MODE(flags, mode) mode_t mode = 0; if (flags & (O_CREAT | O_TMPFILE)) { va_list list; va_start(list, flags); mode = va_arg(list, mode_t); va_end(list); }
int open(const char *path, int flags, ...) { MODE(flags, mode) return do_open(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags, mode) return do_open(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags, mode) return do_open(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags, mode) return do_open(at, path, flags, mode); }

int close(int fd) {
    if (fd >= 0 && fd < FDS) kinds[fd] = 0;
    return real_close(fd);
}

static int is_file(int fd) { return fd >= 0 && fd < FDS && kinds[fd] == 'f'; }

static int no_room(int fd, off64_t end) {
    struct stat64 info;
    if (!switch_file || fstat64(fd, &info) || end <= info.st_size) return 0;
    return switched_on() == GROWTH;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    if (!is_file(fd)) return real_pwrite(fd, data, size, offset);
    if (fails() || no_room(fd, offset + (off64_t)size)) return -1;
    ssize_t done = real_pwrite(fd, data, size, offset);
    if (done > 0) put('W', names[fd], (uint64_t)offset, data, (uint32_t)done);
    return done;
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) { return pwrite64(fd, data, size, offset); }

ssize_t pread64(int fd, void *data, size_t size, off64_t offset) {
    int mode = is_file(fd) ? switched_on() : OFF;
    if (mode == ONCE) {
        real_unlink(switch_file);
        errno = EIO;
    }
    if (mode == ONCE || mode == READS) return -1;
    return real_pread(fd, data, size, offset);
}
ssize_t pread(int fd, void *data, size_t size, off_t offset) { return pread64(fd, data, size, offset); }

ssize_t write(int fd, const void *data, size_t size) {
    if (!is_file(fd)) return real_write(fd, data, size);
    if (fails()) return -1;
    off64_t offset = lseek64(fd, 0, (fcntl(fd, F_GETFL) & O_APPEND) ? SEEK_END : SEEK_CUR);
    ssize_t done = real_write(fd, data, size);
    if (done > 0) put('W', names[fd], (uint64_t)offset, data, (uint32_t)done);
    return done;
}

int ftruncate64(int fd, off64_t size) {
    if (is_file(fd) && fails()) return -1;
    int done = real_ftruncate(fd, size);
    if (!done && is_file(fd)) put('T', names[fd], (uint64_t)size, NULL, 0);
    return done;
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

static int sync_fd(int fd, int (*real)(int)) {
    int watched_fd = fd >= 0 && fd < FDS && kinds[fd];
    if (watched_fd && fails()) return -1;
    int done = real(fd);
    if (!done && watched_fd) put(kinds[fd] == 'd' ? 'D' : 'S', names[fd], 0, NULL, 0);
    return done;
}
int fsync(int fd) { return sync_fd(fd, real_fsync); }
int fdatasync(int fd) { return sync_fd(fd, real_fdatasync); }

int rename(const char *from, const char *to) {
    int done = real_rename(from, to);
    if (!done && watched(from)) put('R', from, 0, to, (uint32_t)strlen(to));
    return done;
}

int unlink(const char *path) {
    int done = real_unlink(path);
    if (!done && watched(path)) put('U', path, 0, NULL, 0);
    return done;
}
