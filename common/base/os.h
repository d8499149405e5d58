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
/* Gives the space of a part of a file back; the part then reads as zeros, where that can be had. */
void os_punch(int fd, uint64_t off, uint64_t len);

#endif
