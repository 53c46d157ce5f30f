/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

/* Runs a target on all files of its corpus, without libFuzzer: any compiler will do. Arguments are directories and
 * files; a directory without a file is an error, for then nothing would be tested. */

/* Into memory of just that size, so that a sanitizer sees who reads beyond it. */
static uint8_t *read_all(FILE *file, size_t *ret_size) {
        struct stat status;
        uint8_t *data;
        size_t size;

        CHECK(fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode));
        size = (size_t) status.st_size;
        data = fuzz_must(malloc(size));
        CHECK(fread(data, 1, size, file) == size);
        *ret_size = size;
        return data;
}

static void run_file(const char *path) {
        FILE *file = fopen(path, "re");
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;

        if (!file) {
                fprintf(stderr, "%s: %s\n", path, strerror(errno));
                exit(EXIT_FAILURE);
        }
        /* The last line that is seen where the target aborts. */
        printf("%s\n", path);
        fflush(stdout);
        data = read_all(file, &size);
        fclose(file);
        (void) LLVMFuzzerTestOneInput(data, size);
}

static int is_no_dot(const struct dirent *entry) {
        return entry->d_name[0] != '.';
}

static int run_directory(const char *path) {
        struct dirent **entries;
        int n = scandir(path, &entries, is_no_dot, alphasort);

        for (int i = 0; i < n; i++) {
                char file[4096];

                snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
                run_file(file);
                free(entries[i]);
        }
        if (n >= 0)
                free(entries);
        return n;
}

int main(int argc, char **argv) {
        int n_files = 0;

        for (int i = 1; i < argc; i++) {
                struct stat status;
                int n = 1;

                if (stat(argv[i], &status) == 0 && S_ISDIR(status.st_mode))
                        n = run_directory(argv[i]);
                else
                        run_file(argv[i]);
                if (n <= 0) {
                        fprintf(stderr, "%s: no files\n", argv[i]);
                        return EXIT_FAILURE;
                }
                n_files += n;
        }
        printf("%d inputs\n", n_files);
        return n_files > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
