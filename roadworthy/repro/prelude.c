// What every reproducer begins with: calls that print what they were answered, in words that do not differ from one
// run to the next.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static int descriptors[1024];            // by the number in the transcript
static char *maps[64];                   // by their order
static char buffer[1 << 20], path[4096]; // what a call reads, and a name in /proc
static struct file_handle *handle;
static char handle_space[sizeof(struct file_handle) + MAX_HANDLE_SZ];
static struct { dev_t dev; ino_t ino; struct timespec atime, mtime, ctime; } seen[256];
static int files;
static int plain; // whether there are no layers

// Time passes between two calls, as between those of the check, so that a new timestamp differs from an old one.
static void said(long answer, const char *what)
{
    static const char *const names[] = {
        [EPERM] = "EPERM", [ENOENT] = "ENOENT", [EIO] = "EIO", [ENXIO] = "ENXIO", [EBADF] = "EBADF",
        [EAGAIN] = "EAGAIN", [EACCES] = "EACCES", [EBUSY] = "EBUSY", [EEXIST] = "EEXIST", [EXDEV] = "EXDEV",
        [ENODEV] = "ENODEV", [ENOTDIR] = "ENOTDIR", [EISDIR] = "EISDIR", [EINVAL] = "EINVAL", [ENOTTY] = "ENOTTY",
        [ETXTBSY] = "ETXTBSY", [EFBIG] = "EFBIG", [ENOSPC] = "ENOSPC", [EROFS] = "EROFS", [EMLINK] = "EMLINK",
        [ERANGE] = "ERANGE", [ENAMETOOLONG] = "ENAMETOOLONG", [ENOSYS] = "ENOSYS", [ENOTEMPTY] = "ENOTEMPTY",
        [ELOOP] = "ELOOP", [ENODATA] = "ENODATA", [EOVERFLOW] = "EOVERFLOW", [ENOTSUP] = "ENOTSUP",
        [ESTALE] = "ESTALE", [ECONNABORTED] = "ECONNABORTED", [ENOTCONN] = "ENOTCONN",
    };
    const char *name = errno < (int)(sizeof names / sizeof *names) ? names[errno] : 0;
    if (answer >= 0)
        printf("%s = ok\n", what);
    else if (name)
        printf("%s = %s\n", what, name);
    else
        printf("%s = errno %d\n", what, errno);
    usleep(12000);
}

// Bytes as text, the rest as escapes, and how many there are.
static void data(long count, const char *what)
{
    said(count, what);
    if (count < 0)
        return;
    printf("    %ld bytes: ", count);
    for (long i = 0; i < count && i < 64; i++)
        if (buffer[i] >= ' ' && buffer[i] <= '~')
            putchar(buffer[i]);
        else
            printf("\\x%02x", buffer[i] & 255);
    puts("");
}

static const char *since(struct timespec now, struct timespec before, int known)
{
    if (!known)
        return now.tv_sec > 1500000000 ? "new" : "old";
    return now.tv_sec == before.tv_sec && now.tv_nsec == before.tv_nsec ? "unchanged" : "changed";
}

// A file has a number, the first that is looked at 1: two names of one file have one number.
static void status(int answer, struct stat s, const char *what)
{
    said(answer, what);
    if (answer)
        return;
    int i = 0;
    while (i < files && (seen[i].dev != s.st_dev || seen[i].ino != s.st_ino))
        i++;
    int known = i < files;
    printf("    file %d, mode %o, owner %d:%d", i + 1, s.st_mode, s.st_uid, s.st_gid);
    if (S_ISREG(s.st_mode) || S_ISLNK(s.st_mode))
        printf(", %ld bytes, %ld links", (long)s.st_size, (long)s.st_nlink);
    // An atime that nobody has seen before says nothing: a driver may have read the file to copy it.
    printf(", mtime %s", since(s.st_mtim, seen[i].mtime, known));
    if (known)
        printf(", atime %s, ctime %s", since(s.st_atim, seen[i].atime, 1), since(s.st_ctim, seen[i].ctime, 1));
    puts("");
    seen[i].dev = s.st_dev, seen[i].ino = s.st_ino;
    seen[i].atime = s.st_atim, seen[i].mtime = s.st_mtim, seen[i].ctime = s.st_ctim;
    files += !known && files < 255;
}

static void born(const char *name, const char *what)
{
    static struct statx_timestamp first;
    struct statx s;
    int answer = statx(AT_FDCWD, name, 0, STATX_BTIME, &s);
    said(answer, what);
    if (answer)
        return;
    if (!(s.stx_mask & STATX_BTIME))
        puts("    no birth time");
    else if (!first.tv_sec)
        puts("    a birth time"), first = s.stx_btime;
    else
        puts(first.tv_sec == s.stx_btime.tv_sec && first.tv_nsec == s.stx_btime.tv_nsec ? "    unchanged" : "    changed");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char **)a, *(char **)b);
}

static void names(char **found, int count)
{
    qsort(found, count, sizeof *found, by_name);
    printf("    %d names:", count);
    for (int i = 0; i < count && i < 40; i++)
        printf(" %s", found[i]);
    puts("");
}

static void list(const char *name, const char *what)
{
    static char *found[65536];
    int count = 0;
    DIR *directory = opendir(name);
    said(directory ? 0 : -1, what);
    if (!directory)
        return;
    for (struct dirent *entry; count < 65536 && (entry = readdir(directory));)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            found[count++] = strdup(entry->d_name);
    closedir(directory);
    names(found, count);
}

static void attributes(long count, const char *what)
{
    static char *found[1024];
    int known = 0;
    said(count, what);
    for (long i = 0; count > 0 && i < count && known < 1024; i += strlen(buffer + i) + 1)
        if (strncmp(buffer + i, "security.", 9)) // a label of the host's, if it has them
            found[known++] = buffer + i;
    if (count >= 0)
        names(found, known);
}

static void load(const char *name, const char *what)
{
    int file = open(name, O_RDONLY);
    data(file < 0 ? -1 : read(file, buffer, sizeof buffer), what);
    close(file);
}

static int store(const char *name, const char *content, size_t size, int mode)
{
    int file = open(name, O_WRONLY | O_CREAT | O_TRUNC, mode);
    if (file < 0)
        return -1;
    long written = write(file, content, size);
    return close(file) || written != (long)size ? -1 : 0;
}

static const char *proc(int number)
{
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptors[number]);
    return path;
}

static int handle_of(const char *name, int flags)
{
    int mount;
    handle = (struct file_handle *)handle_space;
    handle->handle_bytes = MAX_HANDLE_SZ;
    return name_to_handle_at(AT_FDCWD, name, handle, &mount, flags);
}

static void flags(int number, const char *what)
{
    int found = 0;
    said(ioctl(number, FS_IOC_GETFLAGS, &found), what);
    printf("    %s%s\n", found & FS_IMMUTABLE_FL ? "immutable " : "", found & FS_NOATIME_FL ? "noatime" : "");
}

static struct timespec at(long long nanoseconds)
{
    return (struct timespec){nanoseconds / 1000000000, nanoseconds % 1000000000};
}

static int times(const char *name, long long atime, long long mtime, int flags)
{
    return utimensat(AT_FDCWD, name, (struct timespec[]){at(atime), at(mtime)}, flags);
}

// Space of the file system that is taken, after everything has reached it.
static long long taken(void)
{
    struct statvfs s;
    sync();
    return statvfs(".", &s) ? 0 : (long long)(s.f_blocks - s.f_bfree) * s.f_frsize;
}

static void space(long long before)
{
    long long more = taken() - before;
    printf("space taken: %lld MiB\n", more > 0 ? (more + (1 << 19)) >> 20 : 0);
}

// --- the trees of the layers

static void must(int answer, const char *name)
{
    if (answer)
        fprintf(stderr, "%s: %s\n", name, strerror(errno)), exit(2);
}

static void removed(const char *name);

// A directory of the layer, over one below or in place of what is no directory.
static void directory(const char *name)
{
    struct stat s;
    if (!lstat(name, &s) && S_ISDIR(s.st_mode))
        return;
    removed(name);
    must(mkdir(name, 0755), name);
}

// A file whose content is `size` bytes, repeated, in place of what is below.
static void file(const char *name, const char *content, size_t size, long times_over, int mode)
{
    removed(name);
    int made = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    must(made < 0, name);
    size_t whole = size * times_over, step = size ? size * (65536 / size + 1) : 0;
    char *block = malloc(step + 1);
    for (size_t i = 0; i < step; i += size)
        memcpy(block + i, content, size);
    for (size_t left = whole; left;) {
        ssize_t done = write(made, block, left < step ? left : step);
        must(done <= 0, name);
        left -= done;
    }
    must(close(made), name);
    free(block);
    must(chmod(name, mode), name);
}

// A file of so many bytes that nothing can compress.
static void noise(const char *name, size_t size, int mode)
{
    size_t words = size / 8 + 1;
    unsigned long long *block = malloc(8 * words), state = 88172645463325252ull;
    for (size_t i = 0; i < words; i++)
        state ^= state << 13, state ^= state >> 7, state ^= state << 17, block[i] = state;
    file(name, (char *)block, size, 1, mode);
    free(block);
}

static void sparse(const char *name, long long size, const char *tail, size_t tail_size, int mode)
{
    removed(name);
    int made = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    must(made < 0 || ftruncate(made, size) || pwrite(made, tail, tail_size, size - tail_size) != (ssize_t)tail_size, name);
    must(close(made) || chmod(name, mode), name);
}

static void removed(const char *name)
{
    struct stat s;
    if (lstat(name, &s))
        return;
    if (S_ISDIR(s.st_mode)) {
        DIR *directory = opendir(name);
        char below[4096];
        for (struct dirent *entry; directory && (entry = readdir(directory));)
            if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
                snprintf(below, sizeof below, "%s/%s", name, entry->d_name), removed(below);
        closedir(directory);
        return must(rmdir(name), name);
    }
    must(unlink(name), name);
}

// Where nothing below has the name, the layer has only the mark of its removal.
static void whiteout(const char *name)
{
    struct stat s;
    if (!lstat(name, &s))
        removed(name);
    else if (!plain)
        must(mknod(name, S_IFCHR, 0), name);
}

// What follows has a later timestamp.
static void tick(void)
{
    usleep(20000);
}
