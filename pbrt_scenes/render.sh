#!/bin/sh
# Renders the images of jobs.txt that are not there yet: all, or that of the line given as an argument.
cd "$(dirname "$0")" || exit 1
sed -n "${1:-1,\$}p" jobs.txt | {
    status=0
    while read -r folder scene image samples seed; do
        [ -s "$folder/$image" ] && continue
        # Under another name until it is whole; PBRT may carry options, hence no quotes.
        part="part-$$-$image"
        (cd "$folder" && ${PBRT:-pbrt} --quiet --spp "$samples" --seed "$seed" --outfile "$part" "$scene" &&
            mv "$part" "$image") < /dev/null || { echo "not rendered: $folder/$image" >&2; status=1; }
    done
    exit $status
}
