# cmake -DINTO=FOLDER -DFILES=A;B -P …: puts the files that differ into the folder, each by rename, so
# that a program which has the old one mapped goes on with it.
foreach(file IN LISTS FILES)
  get_filename_component(name "${file}" NAME)
  file(SHA256 "${file}" wanted)
  set(present "")
  if(EXISTS "${INTO}/${name}")
    file(SHA256 "${INTO}/${name}" present)
  endif()
  if(NOT wanted STREQUAL present)
    file(COPY_FILE "${file}" "${INTO}/.${name}.new")
    file(RENAME "${INTO}/.${name}.new" "${INTO}/${name}")
  endif()
endforeach()
