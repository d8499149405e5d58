/* os: what POSIX does not give (implemented in os_linux.c). */
#ifndef OLMO_BASE_OS_H
#define OLMO_BASE_OS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

double os_wall(void);                  /* monotonic seconds */
double os_cpu(void);                   /* CPU seconds of the process, all threads */
double os_thread_cpu(void);            /* of the calling thread */
uint64_t os_max_rss(void);             /* bytes */
uint64_t os_rss(void);                 /* resident now; 0: unknown */
int os_pid_alive(pid_t pid);           /* 1 when such a process runs; a zombie is dead */
int os_cpus(void);                     /* processors this process may use */
void os_huge_pages(void *p, size_t n); /* ask for huge pages before first touch */
/* A file in dir that never has a name, so that nothing is left of it however the process ends;
 * -1 with errno. */
int os_tmpfile(const char *dir);
/* Opens a file to write whole pages past the page cache; -1 where that cannot be. */
int os_open_direct(const char *path);
/* Begins to write a part of a file to disk and does not wait for it. */
void os_write_behind(int fd, uint64_t off, uint64_t len);
/* Takes space for n bytes and makes that the file's size, where that can be had; -1: no space. */
int os_reserve(int fd, uint64_t n);
/* Makes a part of a mapped file present, in one go instead of page by page. */
void os_fault_in(const void *p, size_t n);
/* Its pages no longer count as this process's memory: they are fetched again when touched. */
void os_forget(const void *p, size_t n);
/* Bytes of memory that could be had without swapping: of the machine, or what a cgroup leaves. */
uint64_t os_free_memory(void);
/* Gives the space of a part of a file back; the part then reads as zeros, where that can be had. */
void os_punch(int fd, uint64_t off, uint64_t len);

#endif
