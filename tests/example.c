/* SPDX-License-Identifier: MIT */
/*
 * A program that uses libvhdxray, as its manual page describes it: what an image is, what is wrong with it, where its
 * data is, and a checksum of the guest's disk. The tests build it against the installed library, by its pkg-config file:
 *
 *     cc $(pkg-config --cflags libvhdxray) example.c $(pkg-config --libs libvhdxray) -o example
 *     ./example child.avhdx [SEARCH-DIR]
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <vhdxray.h>

enum { READ_LEN = 1 << 20 };

static int failed(vhdxray *image, const char *what)
{
    fprintf(stderr, "%s: %s\n", what, vhdxray_last_error(image));
    return 3;
}

static int print_facts(vhdxray *image)
{
    vhdxray_facts facts = {.size_of = sizeof(facts)};

    if (vhdxray_get_facts(image, &facts) != VHDXRAY_OK)
        return failed(image, "facts");
    printf("type %s, guest disk of %" PRIu64 " bytes, blocks of %" PRIu32 ", log %s\n", vhdxray_type_name(facts.type),
           facts.virtual_size, facts.block_size, vhdxray_log_state_name(facts.log_state));
    for (uint32_t i = 1; i < facts.layer_count; i++)
        printf("parent %s\n", vhdxray_layer_name(image, i));
    return 0;
}

static int print_findings(vhdxray *image)
{
    vhdxray_summary summary = {.size_of = sizeof(summary)};

    if (vhdxray_check(image, &summary) != VHDXRAY_OK)
        return failed(image, "check");
    printf("verdict %s%s\n", vhdxray_verdict_name(summary.verdict), summary.complete ? "" : " (not complete)");
    for (size_t i = 0; i < summary.finding_count; i++) {
        vhdxray_finding finding = {.size_of = sizeof(finding)};

        if (vhdxray_get_finding(image, i, &finding) != VHDXRAY_OK)
            return failed(image, "finding");
        printf("%s %s: %s\n", vhdxray_severity_name(finding.severity), finding.rule, finding.message);
    }
    return 0;
}

/* Goes over the disk extent by extent; only what may hold something is read. */
static int sum_disk(vhdxray *image, uint64_t size)
{
    static unsigned char buffer[READ_LEN];
    uint64_t data = 0, sum = 0;

    for (uint64_t at = 0; at < size;) {
        vhdxray_extent extent = {.size_of = sizeof(extent)};

        if (vhdxray_get_extent(image, at, READ_LEN, &extent) != VHDXRAY_OK)
            return failed(image, "extent");
        if (!extent.is_zero) {
            if (vhdxray_read(image, at, buffer, (size_t)extent.length) != VHDXRAY_OK)
                return failed(image, "read");
            for (size_t i = 0; i < extent.length; i++)
                sum += buffer[i] * (at + i + 1);
            data += extent.length;
        }
        at += extent.length;
    }
    printf("data %" PRIu64 " bytes, sum %016" PRIx64 "\n", data, sum);
    return 0;
}

int main(int argc, char **argv)
{
    vhdxray_options options = {.size_of = sizeof(options)};
    vhdxray_facts facts = {.size_of = sizeof(facts)};
    vhdxray *image;
    char message[512];
    int code;

    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: example FILE [SEARCH-DIR]\n");
        return 2;
    }
    options.search_dirs = (const char *const *)argv + 2;
    options.search_dir_count = (size_t)argc - 2;
    if (vhdxray_open(argv[1], &options, &image, message, sizeof(message)) != VHDXRAY_OK) {
        fprintf(stderr, "%s\n", message);
        return 3;
    }
    code = print_facts(image);
    if (code == 0)
        code = print_findings(image);
    if (code == 0 && vhdxray_can_read(image) != VHDXRAY_OK)
        code = failed(image, "no guest disk");
    if (code == 0 && vhdxray_get_facts(image, &facts) == VHDXRAY_OK)
        code = sum_disk(image, facts.virtual_size);
    vhdxray_close(image);
    return code;
}
