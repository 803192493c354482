/*
 * measure OUT COMMAND...: runs the command and writes to the file OUT one line
 * of what it took: exit status (128 and more: signal), wall, user and system
 * time in ns, peak memory in kB.
 *
 * Peak memory is that of the process before the command began, too, so this is
 * a program of its own, smaller than anything it measures.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long timeval_ns(struct timeval t)
{
	return (long long)t.tv_sec * 1000000000 + (long long)t.tv_usec * 1000;
}

int main(int argc, char **argv)
{
	struct timespec begin, end;
	struct rusage usage;
	int status;
	if (argc < 3) {
		return 64;
	}
	clock_gettime(CLOCK_MONOTONIC, &begin);
	pid_t child = fork();
	if (child == 0) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child) {
		return 71;
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	getrusage(RUSAGE_CHILDREN, &usage);
	int out = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0600);
	int result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	long long wall = (long long)(end.tv_sec - begin.tv_sec) * 1000000000
			 + (end.tv_nsec - begin.tv_nsec);
	return out >= 0
			       && dprintf(out, "%d %lld %lld %lld %ld\n", result, wall,
					  timeval_ns(usage.ru_utime),
					  timeval_ns(usage.ru_stime), usage.ru_maxrss)
					  > 0
		       ? 0
		       : 73;
}
