// What Python sees of solid harmonic scattering.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <atomic>
#include <memory>

#include "harmonic_executor.hpp"

namespace skmst {

// A program and the memory that its last run has left.
template <class T>
class HarmonicEngine : public HarmonicProgram<T> {
public:
    using HarmonicProgram<T>::HarmonicProgram;

    ~HarmonicEngine() { delete spare_.load(); }

    void forward(const pybind11::array& x, pybind11::array out) {
        const std::size_t n = x.shape(0);
        check(x, n * this->points(), "x");
        check(out, n * this->n_coefficients(), "out");
        const T* from = static_cast<const T*>(x.data());
        T* to = static_cast<T*>(out.mutable_data());  // throws where it is read-only
        pybind11::gil_scoped_release unlocked;
        auto executor = take();
        for (std::size_t i = 0; i < n; ++i) executor->forward(from + i * this->points(), to + i * this->n_coefficients());
        executor.reset(spare_.exchange(executor.release()));
    }

private:
    static void check(const pybind11::array& array, std::size_t n, const char* name) {
        if (!(array.flags() & pybind11::array::c_style) || std::size_t(array.nbytes()) != n * sizeof(T))
            throw std::invalid_argument(std::string(name) + " is not contiguous or has another size than planned");
    }

    std::unique_ptr<HarmonicExecutor<T>> take() {
        std::unique_ptr<HarmonicExecutor<T>> spare(spare_.exchange(nullptr));
        return spare ? std::move(spare) : std::make_unique<HarmonicExecutor<T>>(*this);
    }

    std::atomic<HarmonicExecutor<T>*> spare_{nullptr};  // without a lock, which a fork could leave locked
};

template <class T>
void define_harmonics(pybind11::module_& m, const char* name) {
    namespace py = pybind11;
    using P = HarmonicEngine<T>;
    using Axes = typename P::Axes;
    py::class_<P>(m, name)
        .def(py::init<Axes, Axes, std::array<std::vector<int>, 3>, Axes, int, int, std::vector<double>, int>(),
             py::arg("grid"), py::arg("own"), py::arg("extension"), py::arg("inside"), py::arg("pool"), py::arg("step"),
             py::arg("powers"), py::arg("degrees"))
        .def("add_scale", &P::add_scale, py::arg("along_a"), py::arg("across"), py::arg("lengths"), py::arg("gains"))
        .def("add_term", &P::add_term, py::arg("l"), py::arg("m"), py::arg("p"), py::arg("cosine"), py::arg("sine"))
        .def("add_path", &P::add_path, py::arg("j1"), py::arg("rows"), py::arg("j2"), py::arg("rows_2"))
        .def("forward", &P::forward, py::arg("x"), py::arg("out"));
}

}  // namespace skmst
